"""The one-way rule of docs/explanation/architecture.md: who may import whom, and who may print."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "deliver"

#: The rooms, from the doors to the ground: each may import itself and what stands below it.
LAYERS = (
    ("cli",),
    ("fleet",),
    ("upgrade",),
    ("build", "ship", "rollout"),
    ("store", "node", "remote"),
    ("otp", "source"),
    ("config", "errors", "secret", "report"),
)
#: Within a layer: who may import whom.
SIDEWAYS = {
    ("node", "remote"),
    ("ship", "rollout"),
    ("otp", "source"),
    ("config", "errors"),
    ("config", "secret"),
    ("secret", "errors"),
    ("source", "otp"),
}
#: Files that run elsewhere; they import nothing.
GROUND = ("payload",)
#: Lends the operator's terminal to a console on a host: its bytes are nobody's output.
TERMINAL = PACKAGE / "remote" / "terminal.py"
HEAVY = ("fabric", "paramiko", "git", "zstandard", "tomli")


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.name != "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def level(name: str) -> int:
    return next((at for at, names in enumerate(LAYERS) if name in names), len(LAYERS))


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the full name of every module that is imported, and its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def at_import_time(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield what is imported when the module is, leaving out functions and what only type checkers see."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports(node)


def may_import(importer: str, imported: str) -> bool:
    if imported == importer or imported in GROUND:
        return True
    if level(importer) == level(imported):
        return (importer, imported) in SIDEWAYS
    return level(importer) < level(imported)


def named(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@pytest.mark.parametrize("path", modules(), ids=named)
def test_imports_go_one_way(path: Path) -> None:
    rooms = {
        (name.split(".")[1], line)
        for name, line in imports(parsed(path))
        if name.startswith("deliver.") and name != "deliver.__version__"
    }

    assert [(name, line) for name, line in rooms if not may_import(room(path), name)] == []


@pytest.mark.parametrize("path", [path for path in modules() if room(path) != "cli" and path != TERMINAL], ids=named)
def test_only_the_command_line_prints(path: Path) -> None:
    printing = [
        node.lineno
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Name) and node.id in {"print", "input"})
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stdout", "sys.stderr", "sys.stdin"})
    ]

    assert printing == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "cli").glob("*.py")), ids=named)
def test_the_command_line_imports_nothing_heavy_before_a_task_runs(path: Path) -> None:
    assert [name for name, _ in at_import_time(parsed(path)) if name.split(".")[0] in HEAVY] == []


@pytest.mark.parametrize("path", modules(), ids=named)
def test_only_remote_opens_connections(path: Path) -> None:
    used = {name.split(".")[0] for name, _ in imports(parsed(path))} & {"fabric", "paramiko", "socket"}

    assert room(path) == "remote" or not used


@pytest.mark.parametrize("path", modules(), ids=named)
def test_every_room_is_known(path: Path) -> None:
    assert level(room(path)) < len(LAYERS) or room(path) in GROUND
