from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deliver.otp.manifest import Entry, Manifest
from deliver.ship.delta import delta

PATHS = st.text("abc/-. é", min_size=1, max_size=8).map(lambda text: f"lib/x{text.replace('/', '_')}")
ENTRIES = st.builds(
    Entry,
    path=PATHS,
    kind=st.just("file"),
    mode=st.sampled_from([0o644, 0o755]),
    size=st.just(7),
    sha256=st.sampled_from([letter * 64 for letter in "abcdef"]),
)
LINKS = st.builds(
    Entry,
    path=PATHS.map(lambda path: f"{path}.link"),
    kind=st.just("link"),
    mode=st.just(0o777),
    size=st.just(0),
    sha256=st.just("9" * 64),
    target=st.sampled_from(["one", "two two"]),
)
MANIFESTS = st.lists(st.one_of(ENTRIES, LINKS), unique_by=lambda entry: entry.path).map(Manifest.of)


def applied(steps: str, base: str) -> str:
    """Do what the awk of install.sh does."""
    old = base.split("\n")
    lines: list[str] = []
    for step in steps.split("\n")[:-1]:
        kind, *rest = step.split("\t")
        if kind == "=":
            lines += old[int(rest[0]) - 1 : int(rest[1])]
        elif kind == "~":
            lines.append(" ".join([*old[int(rest[0]) - 1].split(" ")[:4], rest[1]]))
        else:
            lines.append(step[2:])
    return "\n".join([*lines, ""])


@given(MANIFESTS, MANIFESTS)
def test_a_delta_makes_the_new_text_of_the_old_one(new: Manifest, base: Manifest) -> None:
    assert applied(delta(new, base), base.text) == new.text


@given(MANIFESTS)
def test_without_a_base_every_line_is_told(new: Manifest) -> None:
    assert applied(delta(new, None), "") == new.text


def test_an_equal_manifest_is_one_step() -> None:
    entries = [Entry(f"lib/a-1/{number}", "file", 0o644, 1, f"{number:064x}") for number in range(500)]
    assert delta(Manifest.of(entries), Manifest.of(entries)) == "=\t1\t501\n"


def test_a_renamed_application_costs_its_names_only() -> None:
    old = [Entry(f"lib/a-1/{number}", "file", 0o644, 1, f"{number:064x}") for number in range(100)]
    new = [Entry(f"lib/a-2/{number}", "file", 0o644, 1, f"{number:064x}") for number in range(100)]
    text = delta(Manifest.of(new), Manifest.of(old))
    assert "+" not in text
    assert len(text) < 100 * 20
