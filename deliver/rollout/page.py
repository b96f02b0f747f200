"""The run report: one page, whole in itself, that tells how a roll went to whoever opens it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import resources
from statistics import median

from deliver.rollout.axis import axis
from deliver.rollout.events import Event
from deliver.rollout.html import Html, element, join, text
from deliver.rollout.record import Member, Run
from deliver.rollout.spans import Account, Mood, Span, accounts, last_heard, spans
from deliver.rollout.timeline import FEW, timeline
from deliver.rollout.words import ENDS, SIGNS, WAYS, count, duration, moment, state

#: So many failures are shown with their logs; the others are folded.
_SHOWN = 5
#: Of so many hosts that failed the steps are shown; the others are folded.
_OPEN = 20


def page(run: Run) -> str:
    """Return the report of a run as an HTML document that needs no other file, no network and no scripts."""
    told = spans(run)
    hosts = accounts(run, told)
    line = axis(min((run.at, *(span.begin for span in told))), last_heard(run), told)
    body = element(
        "main",
        _header(run, hosts),
        _facts(run, hosts),
        _failures(told, hosts, line.begin),
        _section("Timeline", timeline(line, told, hosts)) if told else "",
        _hosts(hosts, line.begin),
        _whole(run, told, line.begin),
        element("footer", f"Run {run.id}. Times are UTC; a bar's title has its figures."),
    )
    return f"<!DOCTYPE html>\n{element('html', _head(run), element('body', body), lang='en')}\n"


def _head(run: Run) -> Html:
    css = resources.files("deliver.rollout").joinpath("page.css").read_text("utf-8")
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{_subject(run)}: {_outcome(run)}"),
        element("style", Html(css)),
    )


def _section(title: str, *parts: str) -> Html:
    return element("section", element("h2", title), *parts)


# How it ended


def _header(run: Run, hosts: Sequence[Account]) -> Html:
    said = run.end.message if run.end else _unheard(run)
    return element(
        "header",
        element("p", _subject(run), class_="subject"),
        element("h1", element("span", f"{_sign(run)} ", class_="sign"), _headline(run, hosts)),
        _tally(hosts),
        element("p", said, class_="told") if said else "",
        _mend(run),
        class_=_tone(run),
    )


def _subject(run: Run) -> str:
    what = f"{run.app} {run.version}".strip()
    return f"{run.task} of {what} on {run.environment}"


def _outcome(run: Run) -> str:
    return run.end.outcome if run.end else "no end on record"


def _tone(run: Run) -> Mood:
    if run.end is None:
        return "open"
    return "well" if run.end.code == 0 and run.end.outcome == "done" else "failed"


def _sign(run: Run) -> str:
    return SIGNS[_tone(run)]


def _headline(run: Run, hosts: Sequence[Account]) -> str:
    if run.end is None:
        return f"No end is on record: nobody has said what state {run.environment} is in"
    how = {"done": "Done", "failed": "Failed"}.get(run.end.outcome, run.end.outcome.capitalize())
    return f"{how}: {_fleet(run, hosts)}"


def _fleet(run: Run, hosts: Sequence[Account]) -> str:
    """Return the state of the fleet in words."""
    fleet = run.end.fleet if run.end else ""
    new = sum(1 for host in hosts if host.final and host.final.state == "new")
    if fleet == "all new":
        return f"{_all(new)} of {run.environment} {_as_meant(run, new)}"
    if fleet == "all old":
        return f"every host of {run.environment} is as it was before"
    if fleet == "MIXED":
        return f"{run.environment} is MIXED, {new:,} of {count(len(hosts), 'host')} {_as_meant(run, new)}"
    return fleet or f"the state of {run.environment} is not on record"


def _as_meant(run: Run, number: int) -> str:
    if run.version:
        return f"{'runs' if number == 1 else 'run'} {run.version}"
    return "is as it should be" if number == 1 else "are as they should be"


def _all(number: int) -> str:
    return "the one host" if number == 1 else f"all {count(number, 'host')}"


def _unheard(run: Run) -> str:
    return (
        f"deliver was killed, or is still at work. It was last heard of at {moment(last_heard(run))}; what is below is "
        "true up to then. What is true now, the hosts say."
    )


def _tally(hosts: Sequence[Account]) -> Html:
    """Return how many hosts ended how: done, failed, not started."""
    moods = Counter(host.mood for host in hosts)
    items = (
        element("li", element("b", SIGNS[mood], class_="sign"), f" {moods[mood]:,} {word}", class_=mood)
        for mood, word in ENDS.items()
        if moods[mood]
    )
    return element("ul", *items, class_="tally")


def _mend(run: Run) -> Html:
    """Return the one command that mends it, so that one click marks all of it."""
    if run.end is None:
        again = shlex.join(run.command)
        return join(
            _command("Ask the hosts:", f"invoke status --on {shlex.quote(run.environment)}"),
            _command("Then run it again; it goes on where it stopped:", again) if again else "",
        )
    return _command("The command that mends it:", run.end.mend) if run.end.mend else Html()


def _command(what: str, command: str) -> Html:
    return element("div", element("p", what), element("pre", element("code", command)), class_="mend")


# Who, when, how long, and what it cost


def _facts(run: Run, hosts: Sequence[Account]) -> Html:
    facts = {
        "Command": element("code", shlex.join(run.command)) if run.command else "",
        "By": _who(run),
        "CI job": _link(run.ci) if run.ci else "",
        "Began": moment(run.at),
        "Took": _took(run),
        "Out of service": _figures(
            [(host.gap, host.name) for host in hosts if host.gap is not None], ", drain to healthy"
        ),
        "Hot change": _figures([(host.hot, host.name) for host in hosts if host.hot is not None]),
    }
    pairs = (element("div", element("dt", key), element("dd", value)) for key, value in facts.items() if value)
    return element("dl", *pairs, class_="facts")


def _who(run: Run) -> str:
    machine = "" if run.who.endswith(f"@{run.machine}") else run.machine
    return ", ".join(filter(None, (run.who, machine, f"process {run.pid}" if run.pid else "")))


def _link(address: str) -> Html:
    # A link of another kind could be a script.
    is_link = address.startswith(("https://", "http://"))
    return element("a", address, href=address, rel="noreferrer") if is_link else text(address)


def _took(run: Run) -> str:
    code = f", exit code {run.end.code}" if run.end else ", then silence"
    return duration(last_heard(run) - run.at) + code


def _figures(found: Sequence[tuple[float, str]], what: str = "") -> str:
    """Return the middle and the longest of several times, and whose it was."""
    if not found:
        return ""
    longest, name = max(found)
    if len(found) == 1:
        return f"{duration(longest)} ({name}){what}"
    middle = duration(median(seconds for seconds, _ in found))
    return f"{middle} in the median, {duration(longest)} at most ({name}){what}"


# What failed


def _failures(told: Iterable[Span], hosts: Sequence[Account], begin: float) -> Html:
    numbers = {host.name: number for number, host in enumerate(hosts)}
    failed = sorted((span for span in told if span.went == "failed"), key=lambda span: (not span.host, span.end))
    found = [_failure(span, numbers.get(span.host), begin) for span in failed]
    if not found:
        return Html()
    shown, more = found[:_SHOWN], found[_SHOWN:]
    folded = element("details", element("summary", count(len(more), "more failure")), *more) if more else ""
    return _section("What failed", *shown, folded)


def _failure(span: Span, number: int | None, begin: float) -> Html:
    message, _, log = span.text.strip("\n").partition("\n")
    where = element("a", span.host, href=f"#host-{number}") if number is not None else _whose(span)
    what = "" if span.step == "batch" else f": {span.step}"
    when = f" failed after {duration(span.seconds)}, {duration(span.end - begin)} into the run"
    return element(
        "article",
        element(
            "h3", element("b", SIGNS["failed"], class_="sign"), " ", where, what, element("span", when, class_="when")
        ),
        element("p", message or "Nothing was said of it.", class_="told"),
        element("pre", log, class_="log", tabindex="0") if log.strip() else "",
        class_="failure",
    )


def _whose(span: Span) -> str:
    return f"batch {span.batch}" if span.batch else "whole roll"


# Host by host


def _hosts(hosts: Sequence[Account], begin: float) -> Html:
    numbered = list(enumerate(hosts))
    groups = (
        _group(mood, title, [(number, host) for number, host in numbered if host.mood == mood], begin)
        for mood, title in ENDS.items()
    )
    return _section("Hosts", *groups) if hosts else Html()


def _group(mood: Mood, title: str, hosts: Sequence[tuple[int, Account]], begin: float) -> Html:
    if not hosts:
        return Html()
    summary = element("summary", element("b", SIGNS[mood], class_="sign"), f" {count(len(hosts), 'host')} {title}")
    is_bad = mood in {"failed", "open"}
    is_open = is_bad or len(hosts) <= FEW
    rows = (_host(number, host, begin, is_open=is_bad and at < _OPEN) for at, (number, host) in enumerate(hosts))
    return element("details", summary, *rows, class_=f"group {mood}", open=is_open)


def _host(number: int, host: Account, begin: float, *, is_open: bool) -> Html:
    member = host.member
    way = WAYS.get(member.way, member.way) if member else "not planned for"
    versions = _versions(member.from_, member.to) if member else ""
    why = _in_short(member) if member else ""
    cells = (
        element("b", host.name, class_="name"),
        element("span", f"batch {host.batch}" if host.batch else ""),
        element("span", versions),
        element("span", way, element("i", f" {why}") if why else ""),
        element("span", _cost(host)),
        element("span", f"{SIGNS[host.mood]} {state(host)}", class_="said"),
    )
    return element(
        "details",
        element("summary", *cells),
        _why(host),
        _steps(host, begin),
        id=f"host-{number}",
        class_="host",
        open=is_open,
    )


def _in_short(member: Member) -> str:
    return "; ".join(member.reasons) or (member.verdict if member.verdict != member.way else "")


def _versions(old: str, new: str) -> str:
    return old if old == new else f"{old or 'nothing'} → {new}"


def _cost(host: Account) -> str:
    """Return what the change cost the host's callers."""
    if host.gap is not None:
        return f"away {duration(host.gap)}"
    return f"hot in {duration(host.hot)}" if host.hot is not None else ""


def _why(host: Account) -> Html:
    """Return what was decided for a host, and why; and what it would boot."""
    member, final = host.member, host.final
    said = [f"zone {member.zone}"] if member and member.zone else []
    said += [f"verdict: {member.verdict}"] if member and member.verdict else []
    said += member.reasons if member else ()
    said += [f"boots {final.boots}"] if final and final.boots and final.boots != final.version else []
    return element("ul", *(element("li", one) for one in said), class_="why") if said else Html()


def _steps(host: Account, begin: float) -> Html:
    lines = [(span.begin, _line(span, begin)) for span in host.spans] + [
        (note.at, _note(note, begin)) for note in host.notes
    ]
    return _table([line for _, line in sorted(lines, key=lambda line: line[0])])


def _table(lines: Sequence[str]) -> Html:
    head = element("tr", *(element("th", name, scope="col") for name in ("at", "step", "took", "what was said")))
    return element("table", element("thead", head), element("tbody", *lines)) if lines else Html()


def _line(span: Span, begin: float, where: str = "") -> Html:
    signs = {"failed": "✖ ", "open": "? ", "ended": ""}
    first, _, more = span.text.strip("\n").partition("\n")
    said = first + (" …" if more else "") if span.went == "failed" else span.text
    took = duration(span.seconds) if span.went != "open" else "not ended"
    cells = (duration(span.begin - begin), signs[span.went] + where + span.step, took, said)
    return element("tr", *(element("td", cell) for cell in cells), class_=span.went)


def _note(event: Event, begin: float, where: str = "") -> Html:
    cells = (duration(event.at - begin), where + event.step, "", event.text)
    return element("tr", *(element("td", cell) for cell in cells), class_="note")


# The whole roll


def _whole(run: Run, told: Iterable[Span], begin: float) -> Html:
    """Return the steps that belong to no host: hooks, commands that run once, pauses, answers, batches."""
    lines = [(span.begin, _line(span, begin, _where(span.batch, span.step))) for span in told if not span.host]
    notes = (event for event in run.steps if event.kind == "note" and not event.host)
    lines += [(note.at, _note(note, begin, _where(note.batch, note.step))) for note in notes]
    if not lines:
        return Html()
    table = _table([line for _, line in sorted(lines, key=lambda line: line[0])])
    summary = element("summary", count(len(lines), "step"))
    return _section("The whole roll", element("details", summary, table, open=len(lines) <= FEW))


def _where(batch: int, step: str) -> str:
    if not batch:
        return ""
    return f"{batch}. " if step == "batch" else f"batch {batch}: "
