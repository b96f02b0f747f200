"""What differs between two releases: applications, and the modules in them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from deliver.errors import BuildError
from deliver.otp.upgrade.facts import App, Facts, Module


@dataclass(frozen=True)
class Changes:
    """The way from one release to another, in one direction.

    Args:
        old: the release that runs.
        new: the one that is to run.
    """

    old: Facts
    new: Facts

    @property
    def reverse(self) -> Changes:
        """The way back."""
        return Changes(self.new, self.old)

    @cached_property
    def added_apps(self) -> tuple[App, ...]:
        """Applications that only the new release has, in its order."""
        return tuple(app for name, app in self.new.apps.items() if name not in self.old.apps)

    @cached_property
    def removed_apps(self) -> tuple[App, ...]:
        """Applications that only the old release has, the last one first."""
        return tuple(reversed([app for name, app in self.old.apps.items() if name not in self.new.apps]))

    @cached_property
    def bumped_apps(self) -> tuple[tuple[App, App], ...]:
        """Applications of both, with other versions."""
        both = ((self.old.apps[name], app) for name, app in self.new.apps.items() if name in self.old.apps)
        return tuple((old, new) for old, new in both if old.version != new.version)

    @cached_property
    def load(self) -> Mapping[str, str]:
        """The application, by module, of all modules that are loaded: added, changed, or moved from another one.

        Consolidated protocols are left out: what an application has of them is not what runs.
        """
        before, after = self.old_modules, self.new_modules
        return {
            name: app
            for name, (app, module) in after.items()
            if name not in self.new.consolidated and (name not in before or _differs(before[name], (app, module)))
        }

    @cached_property
    def added(self) -> frozenset[str]:
        """Modules that only the new release has."""
        return frozenset(self.new_modules.keys() - self.old_modules.keys())

    @cached_property
    def changed(self) -> frozenset[str]:
        """Modules that are loaded in place of older ones."""
        return frozenset(self.load.keys() - self.added)

    @cached_property
    def removed(self) -> frozenset[str]:
        """Modules that only the old release has."""
        return frozenset(self.old_modules.keys() - self.new_modules.keys())

    @cached_property
    def protocols_differ(self) -> bool:
        """Whether any consolidated protocol does, or the directory that has them, which goes with the version."""
        return bool(self.old.consolidated or self.new.consolidated)

    @cached_property
    def old_modules(self) -> Mapping[str, tuple[str, Module]]:
        """The old release's modules, each with its application."""
        return _modules(self.old)

    @cached_property
    def new_modules(self) -> Mapping[str, tuple[str, Module]]:
        """The new release's modules, each with its application."""
        return _modules(self.new)


def refuse_same_versions(changes: Changes) -> None:
    """Refuse applications that have other content under the same version: no host could hold both.

    Raises:
        BuildError: there are such applications.
    """
    named = [text for name in changes.new.apps if (text := _conflict(changes, name))]
    if named:
        raise BuildError(
            "\n".join(["applications have other content under the same version:", *(f"  {one}" for one in named)]),
            hint="give them a new version, or pin a dependency to one commit; then build the release again",
        )


def _conflict(changes: Changes, name: str) -> str:
    old, new = changes.old.apps.get(name), changes.new.apps[name]
    if old is None or old.version != new.version:
        return ""
    differing = [*_differing(old, new), *(["priv/"] if old.priv != new.priv else [])]
    if not differing:
        return ""
    rest = f" and {len(differing) - 3} more" if len(differing) > 3 else ""  # noqa: PLR2004  # a line's length
    return f"{name} {new.version}: {', '.join(differing[:3])}{rest}"


def _differing(old: App, new: App) -> Iterator[str]:
    for name in sorted(old.modules.keys() | new.modules.keys()):
        before, after = old.modules.get(name), new.modules.get(name)
        if before is None or after is None or _content(before) != _content(after):
            yield name


def _modules(facts: Facts) -> Mapping[str, tuple[str, Module]]:
    return {name: (app.name, module) for app in facts.apps.values() for name, module in app.modules.items()}


def _differs(old: tuple[str, Module], new: tuple[str, Module]) -> bool:
    return old[0] != new[0] or _content(old[1]) != _content(new[1])


def _content(module: Module) -> tuple[str, str]:
    return module.md5, module.attributes
