"""Tells the story of a roll as a whole: its batches, pauses and questions. Of hosts tells who works on them."""

from __future__ import annotations

import time

from deliver.rollout.events import Event, Kind, Step, Story
from deliver.rollout.machine import (
    Answered,
    Ask,
    Closed,
    Command,
    Finish,
    Happening,
    Interrupted,
    Open,
    Pause,
    Paused,
    Refused,
    Roll,
)


class Telling:
    """Turns commands and events of the machine into events of the story.

    Args:
        story: hears them.
        roll: whose they are.
    """

    def __init__(self, story: Story, roll: Roll) -> None:
        self._story = story
        self._roll = roll
        self._began = 0.0
        self._batch = 0
        self._rest: Step | None = None
        self._is_interrupted = False

    def commanded(self, command: Command) -> None:
        """Tell what begins."""
        match command:
            case Open(batch):
                self._batch = batch.number
                self._begin("batch", ", ".join(batch.hosts))
            case Pause(seconds):
                self._rest = "pause"
                self._begin("pause", f"{seconds:g} s")
            case Ask(question):
                self._rest = "confirm"
                self._begin("confirm", question)
            case Finish():
                self._held()
            case _:
                pass

    def happened(self, event: Happening, bug: BaseException | None = None) -> None:
        """Tell what ended, before the machine takes it.

        Args:
            event: what happened.
            bug: what nobody expected, when an interruption comes from that.
        """
        match event:
            case Refused(error=error):
                self._end("batch", "failed", error.message)
            case Closed():
                self._closed(event)
            case Paused():
                self._rested("ended", "")
            case Answered(yes=yes):
                self._rested("ended" if yes else "failed", "yes" if yes else "no")
            case Interrupted():
                self._interrupted(bug)
            case _:
                pass

    def _begin(self, step: Step, text: str) -> None:
        self._began = time.monotonic()
        self._story.tell(Event(step, "began", batch=self._batch, text=text))

    def _end(self, step: Step, kind: Kind, text: str) -> None:
        seconds = time.monotonic() - self._began
        self._story.tell(Event(step, kind, batch=self._batch, seconds=seconds, text=text))

    def _closed(self, closed: Closed) -> None:
        states = self._roll.states
        others = [f"{host}: {states[host]}" for host in closed.batch.hosts if states[host] != "done"]
        wrong = [closed.error.message, *others] if closed.error else others
        self._end("batch", "failed" if wrong else "ended", "\n".join(wrong))

    def _rested(self, kind: Kind, text: str) -> None:
        if self._rest:
            self._end(self._rest, kind, text)
        self._rest = None

    def _interrupted(self, bug: BaseException | None) -> None:
        if self._is_interrupted:
            return
        self._is_interrupted = True
        self._rested("failed", "interrupted")
        busy = [host for host, state in self._roll.states.items() if state in {"working", "undoing"}]
        reason = f"{type(bug).__name__}: {bug}" if bug else "interrupted"
        text = f"{reason}; nothing more begins"
        if busy:
            text += f"; waiting for {', '.join(busy)}; interrupt again to leave at once"
        self._story.tell(Event("batch", "note", text=text))

    def _held(self) -> None:
        for host, mate in self._roll.held.items():
            text = f"did not begin, for {mate} of its zone is out"
            self._story.tell(Event("batch", "note", host, self._roll.batch_of[host], text=text))
