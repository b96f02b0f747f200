"""Processes that `release_handler` does not find, as nobody who is known to supervisors started them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from deliver.otp.upgrade.pair import Finding


def weigh(
    problems: Iterable[str], unreached: Iterable[Mapping[str, str]], asked: Collection[str]
) -> tuple[list[str], list[Finding]]:
    """Return why a node must not be changed now, and what should only be known of it.

    Args:
        problems: that the node itself tells of.
        unreached: see `unreached_findings`.
        asked: the same.
    """
    findings = list(unreached_findings(unreached, asked))
    wrong = [f"{one.about} {one.text}" for one in findings if one.level == "error"]
    return [*problems, *wrong], [one for one in findings if one.level != "error"]


def unreached_findings(unreached: Iterable[Mapping[str, str]], asked: Collection[str]) -> Iterator[Finding]:
    """Yield what the upgrade would mean for them: an error for those whose states would have to change.

    Args:
        unreached: such processes with a changed callback module: `{pid, name, callback}`.
        asked: modules whose `code_change` is called.
    """
    for one in unreached:
        who, module = one["name"] or one["pid"], one["callback"]
        if module in asked:
            text = (
                f"runs {module}, no supervisor knows it, and so the code_change of {module} would not reach its state"
            )
            yield Finding("error", who, text)
        else:
            text = f"runs {module}, no supervisor knows it, and so it is not held while that code changes"
            yield Finding("warning", who, text)
