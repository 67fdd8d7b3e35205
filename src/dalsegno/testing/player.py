"""Plays a scenario once, under one plan, and says what came of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from traceback import format_exception

from dalsegno.engine.registry import Registry
from dalsegno.errors import DalsegnoError, RunCancelled, RunEnded, RunError, RunFailed
from dalsegno.events.known import Known
from dalsegno.insight.recording import Recording, record
from dalsegno.testing.callers import raised_at, without_ours
from dalsegno.testing.deeds import Repeat
from dalsegno.testing.facts import Facts, facts
from dalsegno.testing.invariants import Broken, peek
from dalsegno.testing.judging import Judge, Misplayed
from dalsegno.testing.plans import CrashPlan
from dalsegno.testing.play import Play
from dalsegno.testing.rehash import replayable, sources
from dalsegno.testing.report import Finding
from dalsegno.testing.script import Point
from dalsegno.testing.simloop import Deadlock, Livelock
from dalsegno.testing.stage import Stage
from dalsegno.testing.watch import watching
from dalsegno.testing.world import Stuck


@dataclass(slots=True)
class Played:
    """What one play came to: its points, what it came to, what went wrong, what happened twice."""

    plan: CrashPlan
    points: list[Point] = field(default_factory=list)
    facts: Facts | None = None
    emits: bool = False
    recordings: list[Recording] = field(default_factory=list)
    failure: Finding | None = None
    twice: list[Finding] = field(default_factory=list)


class Player:
    """Plays one scenario as often as it is asked to, always with the same seed.

    ``clean`` is the first play, by which the others are judged.
    """

    def __init__(
        self,
        scenario: Callable[[Play], object],
        registry: Registry,
        known: Known,
        check: Callable[[Play], object] | None,
        may_repeat: Collection[str],
        error: Exception | None,
        seed: int,
    ) -> None:
        self.registry = registry
        self.known = known
        self.sources = list(sources(registry, known))
        self.replayable = replayable(registry, known)
        self.judge = Judge(registry, strict=check is None)
        self._scenario = scenario
        self._check = check
        self._may_repeat = may_repeat
        self._error = error
        self._seed = seed

    def play(self, plan: CrashPlan, *, watch: bool = False, clean: list[Point] | None = None) -> Played:
        """Play once.

        ``watch`` sees what workflow code asks the machine for, and keeps the journals; ``clean`` are
        the points of the clean play, to which this one must come too until its first mishap.
        """
        played = Played(plan)
        stage = Stage(self.registry, plan, known=self.known, seed=self._seed, error=self._error)
        try:
            with stage:
                try:
                    self._perform(stage, watch=watch)
                finally:
                    played.points, played.emits = stage.script.points, stage.emits
                    played.twice = self._twice(stage, plan)
                played.facts = facts(stage)
                if watch:
                    known = {name for name, _ in self.sources}
                    rows = [row for row in stage.runs() if row.workflow in known]
                    played.recordings = [peek(record(stage.store, row)) for row in rows]
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "Failed":  # pytest.fail()
                raise
            played.failure = _finding(plan, stage, error)
        if clean is not None and not plan.order:
            try:
                self.judge.same_way(clean, played.points, plan)
            except Misplayed as error:  # which explains whatever else there is
                played.failure = _finding(plan, stage, error)
        return played

    def _perform(self, stage: Stage, *, watch: bool) -> None:
        play = Play(stage)
        with watching() if watch else contextlib.nullcontext() as watcher:
            ended = self._heard(play, stage)
            stage.come_to_rest()
            if stage.emit_again():
                stage.come_to_rest()
        if watcher is not None and watcher.readings:
            raise Misplayed("not deterministic", "; ".join(map(str, watcher.readings)))
        self.judge.judge(stage)
        if ended is not None and not stage.script.plan.mishaps:
            raise Misplayed("it fails without a mishap", ended.what + _failed_at(ended))
        if self._check is not None and self._check(play) is False:
            raise Misplayed("check", "it returned False")

    def _heard(self, play: Play, stage: Stage) -> RunError | None:
        """Play the scenario; return what it heard of how a run ended, if that ended it too."""
        try:
            self._scenario(play)
        except (RunFailed, RunCancelled, RunEnded) as ended:
            return ended
        except Stuck:
            self.judge.parked(stage)  # which says more
            raise
        return None

    def _twice(self, stage: Stage, plan: CrashPlan) -> list[Finding]:
        story = tuple(stage.script.tell())
        return [
            Finding(plan, "happened twice", _told(repeat), story)
            for repeat in stage.deeds.repeats()
            if not {repeat.name, repeat.step} & set(self._may_repeat)
        ]


def _told(repeat: Repeat) -> str:
    where = "" if repeat.name == repeat.step else f" in {repeat.kind} {repeat.step}"
    return (
        f"{repeat.name}{where} happened {repeat.times} times for {repeat.run_id}, without an idempotency key"
    )


def _finding(plan: CrashPlan, stage: Stage, error: BaseException) -> Finding:
    match error:
        case Misplayed():
            kind, what = error.kind, error.what
        case Broken():
            kind, what = "a promise of dalsegno is broken, please report it", str(error)
        case Stuck() | Deadlock() | Livelock():
            kind, what = "it does not come to an end", str(error)
        case AssertionError():
            kind, what = "check", str(error) or _line_of(error) or "it failed"
        case _:
            kind, what = type(error).__name__, str(error)
    lines = what.strip().splitlines() or [""]
    story = list(stage.script.tell())
    if isinstance(error, DalsegnoError) and error.mend:
        story.append(error.mend)
    if isinstance(error, Exception) and not isinstance(error, AssertionError):
        lines[0] += _at(_line_of(error))
    if plan == CrashPlan():
        story += _without_a_mishap(kind, stage, error)
    return Finding(plan, kind, lines[0], tuple(story), _cause(error))


def _without_a_mishap(kind: str, stage: Stage, error: BaseException) -> list[str]:
    """Say what it means that even the clean play comes to this."""
    if isinstance(error, Stuck):
        at_work = any(run.session is not None for run in stage.runs())
        return (
            [] if at_work else ["a scenario can send what it waits for, or cancel it: docs/how-to/testing.md"]
        )
    theirs = kind == "check" or not isinstance(error, DalsegnoError | AssertionError)
    return ["nothing has befallen this play: it is so without a crash too"] if theirs else []


def _cause(error: BaseException) -> BaseException | None:
    """Return the exception for whoever wants its traceback; of that, a user's part is enough."""
    if isinstance(error, Misplayed):  # all of it is in code of ours
        return None
    theirs = without_ours(error.__traceback__)
    if isinstance(error, DalsegnoError | Stuck):
        error.__cause__, error.__suppress_context__ = None, True  # it says all
    elif theirs is None:
        return error
    return error.with_traceback(theirs) if theirs is not None else None


def _failed_at(ended: RunError) -> str:
    return _at(raised_at(ended.error.traceback)) if isinstance(ended, RunFailed) else ""


def _line_of(error: BaseException) -> str:
    return raised_at("".join(format_exception(error, chain=False)))


def _at(line: str) -> str:
    return f" at {line}" if line else ""
