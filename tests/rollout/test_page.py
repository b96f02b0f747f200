"""The run report: whole in itself, true to its record, and not to be broken by what is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliver.rollout.events import Event
from deliver.rollout.page import page
from deliver.rollout.record import End, Ended, Member, Run
from tests.rollout import runs

HOSTILE = "</pre></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'><!-- & \x1b[31m\u202e\ud800\0"
HOSTS = [["web1"], ["web2", "web3"], ["web4", "web5"]]
LOG = "not healthy: GET /health answered 503\n12:00:01 [error] <Shop.Repo> & co\n    indented"
VOID = {"meta", "br"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str = "", kind: str = "") -> list[Element]:
        """Return what is in it, with this tag and this class."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                is_one = tag in {"", child.tag} and (not kind or kind in child.attributes.get("class", "").split())
                found += [child] * is_one + child.all(tag, kind)
        return found

    def one(self, tag: str = "", kind: str = "") -> Element:
        (found,) = self.all(tag, kind)
        return found


class Reader(HTMLParser):
    """Reads a document, and holds that each element that begins also ends, in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs))
        element = Element(tag, {key: value or "" for key, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment: {data}")


def read(run: Run) -> Element:
    reader = Reader()
    reader.feed(page(run))
    reader.close()
    (document,) = reader.open
    return document


def one_liner(element: Element) -> str:
    return " ".join(element.text.split())


def test_a_run_that_went_well_says_so() -> None:
    document = read(runs.done(HOSTS))

    assert one_liner(document.one("h1")) == "✔ Done: all 5 hosts of production run 0.2.0"
    assert one_liner(document.one("ul", "tally")) == "✔ 5 done"
    assert not document.all(kind="mend")
    assert not document.all(kind="failure")
    assert document.one("head").one("title").text == "release of shop 0.2.0 on production: done"


def test_a_failed_run_says_the_state_of_the_fleet_and_the_command_that_mends_it() -> None:
    document = read(runs.failed(HOSTS, {"web2": LOG}))

    assert one_liner(document.one("h1")) == "✖ Failed: production is MIXED, 2 of 5 hosts run 0.2.0"
    assert one_liner(document.one("ul", "tally")) == "✖ 1 failed✔ 2 done○ 2 not started"
    assert document.one(kind="mend").one("code").text == runs.MEND
    assert [one_liner(group.all("summary")[0]) for group in document.all("details", "group")] == [
        "✖ 1 host failed",
        "✔ 2 hosts done",
        "○ 2 hosts not started",
    ]


def test_a_failure_is_told_with_its_log_as_it_was_written() -> None:
    document = read(runs.failed(HOSTS, {"web2": LOG}))
    failure, batch = document.all(kind="failure")

    assert one_liner(failure.one("h3")) == "✖ web2: health failed after 5 s, 32.1 s into the run"
    assert failure.one("p").text == "not healthy: GET /health answered 503"
    assert failure.one("pre").text == "12:00:01 [error] <Shop.Repo> & co\n    indented"
    target = failure.one("a").attributes["href"].removeprefix("#")
    (host,) = [one for one in document.all("details", "host") if one.attributes["id"] == target]
    assert "open" in host.attributes
    assert "web2" in host.all("summary")[0].text
    assert "batch 2" in one_liner(batch)


def test_a_killed_run_claims_nothing_and_names_who_knows() -> None:
    steps = runs.rolled(HOSTS)
    cut = next(at for at, step in enumerate(steps) if step.host == "web3" and step.step == "start")
    document = read(runs.run(HOSTS, steps[: cut + 1]))

    assert one_liner(document.one("h1")).startswith("? No end is on record")
    assert one_liner(document.one("ul", "tally")) == "? 2 unknown✔ 1 done○ 2 not started"
    assert [one.text for one in document.one("header").all("code")] == [
        "invoke status --on production",
        "invoke release --tag v0.2.0 --to production",
    ]
    assert "broke off at start" in document.text


def test_other_ends_are_told_in_words() -> None:
    run = runs.done([["web1"]])
    old = replace(run, end=End("interrupted", 130, "Ctrl-C", hosts=(Ended("web1", "old", "0.1.0"),), fleet="all old"))
    restart = replace(run, version="", task="rolling-restart")

    assert one_liner(read(old).one("h1")) == "✖ Interrupted: every host of production is as it was before"
    assert one_liner(read(old).one("ul", "tally")) == "↶ 1 taken back"
    assert one_liner(read(restart).one("h1")) == "✔ Done: the one host of production is as it should be"


def test_who_when_how_long_and_which_command() -> None:
    facts = read(replace(runs.done(HOSTS), ci="https://ci.example.com/7")).one("dl")
    told = dict(zip((key.text for key in facts.all("dt")), (value.text for value in facts.all("dd")), strict=True))

    assert told["Command"] == "invoke release --tag v0.2.0 --to production"
    assert told["By"] == "ada@laptop, process 4211"
    assert told["Began"] == "2025-11-29 21:53:03 UTC"
    assert told["Took"] == "1 min 4 s, exit code 0"
    assert told["Out of service"].startswith("10 s in the median, 10 s at most")
    assert facts.one("a").attributes["href"] == "https://ci.example.com/7"


def test_a_link_that_could_be_a_script_is_no_link() -> None:
    assert not read(replace(runs.done(HOSTS), ci="javascript:alert(1)")).one("dl").all("a")


def test_the_timeline_has_a_row_for_each_host_that_can_be_heard() -> None:
    chart = read(runs.failed(HOSTS, {"web2": LOG})).one(kind="chart")
    rows = {row.one(kind="name").text: row for row in chart.all(kind="row")}

    assert list(rows) == [
        *("since the start", "whole roll"),
        *("batch 1 1 host", "web1", "batch 2 2 hosts", "web2", "web3", "batch 3 2 hosts", "web4", "web5"),
    ]
    assert rows["web1"].one("svg").attributes["aria-label"] == (
        "check 100 ms, drain 2 s, stop 1 s, start 2 s, health 5 s, undrain 500 ms"
    )
    assert rows["web2"].one("svg").attributes["aria-label"].endswith("health failed after 5 s")
    assert "✖" in rows["web2"].one("svg").text
    assert one_liner(rows["web2"].one(kind="said")) == "✖ down"
    assert not rows["web4"].all("svg")
    assert [text.text for text in rows["since the start"].all("text")][:2] == ["0 s", "2 s"]


def test_the_legend_names_what_is_drawn_and_nothing_else() -> None:
    legend = read(runs.done(HOSTS)).one("ul", "legend")

    steps = [one.text for one in legend.all("b")]
    assert steps == ["check", "drain", "stop", "start", "health", "undrain", "pause"]


def test_each_host_tells_its_way_its_reasons_and_its_steps() -> None:
    host = read(runs.done(HOSTS)).all("details", "host")[0]

    assert [cell.text for cell in host.one("summary").children if isinstance(cell, Element)] == [
        "web1",
        "batch 1",
        "0.1.0 → 0.2.0",
        "restart stdlib changes",
        "away 10 s",
        "✔ runs 0.2.0",
    ]
    assert [one.text for one in host.one("ul").all("li")] == ["zone a", "verdict: restart", "stdlib changes"]
    assert [row.all("td")[1].text for row in host.one("tbody").all("tr")] == [step for step, _ in runs.RESTART]


def test_the_steps_of_the_whole_roll_are_told() -> None:
    run = runs.done([["web1"]])
    hook = Event("hook", "failed", batch=1, seconds=1.5, text="ops/announce ended with 7", at=runs.BEGAN + 20)
    note = Event("once", "note", text="migrate: done before", at=runs.BEGAN + 1)
    document = read(replace(run, steps=(*run.steps, hook, note)))
    rows = [[cell.text for cell in row.all("td")] for row in document.all("table")[-1].all("tr")]

    assert ["1 s", "once", "", "migrate: done before"] in rows
    assert ["18.5 s", "✖ batch 1: hook", "1.5 s", "ops/announce ended with 7"] in rows


def test_nothing_is_asked_of_anybody_else() -> None:
    document = page(runs.failed(HOSTS, {"web2": LOG}))

    assert not re.search(r"<(script|link|img|iframe|object)|\ssrc=|\son\w+=|@import|url\(|https?://", document)


def hostile(words: str) -> Run:
    """Return a run all of whose words are these."""
    steps = (
        Event("hook", "failed", words, 1, 1.0, words, runs.BEGAN),
        Event("once", "ended", "", 0, 1.0, words, runs.BEGAN),
        Event("drain", "note", words, 1, 0.0, words, runs.BEGAN),
    )
    member = Member(words, words, "restart", words, words, words, (words,))
    end = End(words, 1, words, words, (Ended(words, "new", words, words),), words, runs.BEGAN)
    return Run(
        *(words, words, words, words, words, words, words, 1, words, runs.BEGAN),
        command=(words,),
        members=(member,),
        batches=((words,),),
        steps=steps,
        end=end,
    )


def test_hostile_words_are_only_words() -> None:
    document = read(hostile(HOSTILE))

    assert page(hostile(HOSTILE)).encode("utf-8")
    assert not document.all("script")
    assert not document.all("img")
    assert {element.tag for element in document.all()} <= {element.tag for element in read(hostile("x")).all()}
    assert "<script>alert(1)</script>" in document.one("h1").text


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=30))
def test_any_words_leave_the_page_whole(words: str) -> None:
    assert page(hostile(words)).encode("utf-8")
    assert {element.tag for element in read(hostile(words)).all()} <= {
        *(element.tag for element in read(hostile("x\ny")).all()),
        "a",
    }


@pytest.mark.parametrize("is_failed", [False, True])
def test_a_thousand_hosts_are_all_named_and_what_went_well_is_folded(is_failed: bool) -> None:
    names = [f"n{number:04}" for number in range(1000)]
    batches = [names[:1], names[1:251], names[251:501], names[501:]]
    run = runs.failed(batches, {"n0300": LOG}) if is_failed else runs.done(batches)
    document = read(run)
    chart = visible(document.one(kind="chart"))

    assert set(names) <= {one.text for one in document.all("b", "name")}
    assert len(page(run)) < 4_000_000
    assert [name for name in names if name in chart] == (["n0300"] if is_failed else [])
    assert len(visible(document)) < 10_000


def test_a_thousand_batches_stand_together_by_how_they_went() -> None:
    names = [f"n{number:04}" for number in range(1000)]
    chart = read(runs.failed([[name] for name in names], {"n0700": LOG})).one(kind="chart")

    assert [one_liner(row.one(kind="name")) for row in chart.all(kind="head")] == [
        "batches 1-700 700 hosts",
        "batch 701 1 host",
        "batches 702-1000 299 hosts",
    ]


def test_no_two_elements_have_the_same_name() -> None:
    names = [one.attributes["id"] for one in read(runs.done(HOSTS)).all() if "id" in one.attributes]

    assert len(names) == len(set(names)) == 5


def test_a_record_without_steps_makes_a_page() -> None:
    document = read(Run("1", "release", "shop", "production", at=runs.BEGAN))

    assert "No end is on record" in document.one("h1").text
    assert not document.all(kind="chart")


def visible(element: Element) -> str:
    """Return the words that are seen before anything is unfolded."""
    is_folded = element.tag == "details" and "open" not in element.attributes
    parts = []
    for child in element.children:
        if isinstance(child, str):
            parts.append("" if is_folded else child)
        elif child.tag not in {"style", "title"} and (not is_folded or child.tag == "summary"):
            parts.append(visible(child))
    return "".join(parts)
