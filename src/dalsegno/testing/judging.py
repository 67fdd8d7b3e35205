"""What every play must keep, whatever a user's check says of it."""

from __future__ import annotations

from collections import Counter

from dalsegno.core import failure
from dalsegno.core.entries import Kind, Outcome
from dalsegno.core.runs import COMPENSATED, DEAD_LETTER, DIVERGED, Run
from dalsegno.engine.definitions import StepDefinition
from dalsegno.engine.registry import Registry
from dalsegno.insight.recording import record
from dalsegno.testing.facts import Facts, differing, facts, is_reaction, letters
from dalsegno.testing.invariants import peek
from dalsegno.testing.owing import owed
from dalsegno.testing.plans import FAILURES, CrashPlan
from dalsegno.testing.reacting import held
from dalsegno.testing.replaying import replay
from dalsegno.testing.script import Place, Point
from dalsegno.testing.stage import Stage

_MISUSES = (
    "JournalFull",
    "MisusedInRun",
    "NotEncodable",
    "NotInRun",
    "PromiseNeverAwaited",
    "SideEffectInWorkflow",
    "WrongColour",
)


class Misplayed(AssertionError):
    """Something that no play may come to: its kind in two words, and what it is."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(f"{kind}: {what}")
        self.kind = kind
        self.what = what


class Judge:
    """Judges plays by themselves and by the clean one. With ``strict``, all must end as that did.

    ``clean`` is what the clean play came to, None as long as there is none. ``settled`` says that it
    does not depend on the order in which steps and handlers answer.
    """

    def __init__(self, registry: Registry, *, strict: bool) -> None:
        self.clean: Facts | None = None
        self.settled = True
        self._strict = strict
        self._steps = dict(registry.steps)
        for workflow in registry.workflows.values():
            self._steps |= {step.name: step for step in workflow.named_steps()}

    def judge(self, stage: Stage) -> None:
        """Raise ``Misplayed`` for the first thing that is wrong with a play that has come to rest."""
        if not stage.script.points:
            raise Misplayed("nothing to explore", "the scenario started no run, and emitted nothing")
        self.parked(stage)
        self._letters(stage)
        for run in stage.runs():
            self._replays(stage, run)
            self._misuses(run)
            self._stands(stage, run)
        plan = stage.script.plan
        if plan.order and facts(stage) != self.clean:
            self.settled = False
        if stage.script.unreached:
            points = len(stage.script.points)
            raise Misplayed("not the plan", f"the play has {points} points and never came to all of {plan}")
        if self._strict:
            self._owes_nothing(stage)
        if self._strict and self.settled and not self._fails_for_good(stage):
            self._ends_alike(stage)

    def parked(self, stage: Stage) -> None:
        """Raise ``Misplayed`` for a run that is parked, and was not in the clean play."""
        for run in stage.runs():
            self._parked(stage, run)

    def same_way(self, clean: list[Point], points: list[Point], plan: CrashPlan) -> None:
        """Raise ``Misplayed`` where a play went another way although no mishap had happened yet."""
        for number in range(min(plan.first, len(clean))):
            one = clean[number]
            other = points[number] if number < len(points) else "its end"
            if one != other:
                raise Misplayed(
                    "another way",
                    f"point {number + 1} was {one}, and is {other} in this play though nothing has happened "
                    "before it: something else than the run decides, such as a variable kept between plays; "
                    "set it anew in a scenario, or in a Service's reset()",
                )

    def _parked(self, stage: Stage, run: Run) -> None:
        if not run.parked or (self.clean is not None and self._was(run) == (run.status.value, run.reason)):
            return
        if run.reason == DEAD_LETTER and is_reaction(stage, run):
            return  # they are judged by their events
        told = failure.decode(run.error) if run.error else None
        if run.reason == DIVERGED:
            self._replays(stage, run)  # which says the line, if it diverges again
        kind = "not deterministic" if run.reason == DIVERGED else str(run.reason)
        raise Misplayed(kind, told.message if told is not None else f"run {run.id} waits for a person")

    def _was(self, run: Run) -> tuple[str, str | None] | None:
        end = self.clean.runs.get(run.id) if self.clean is not None else None
        return end[:2] if end is not None else None

    def _letters(self, stage: Stage) -> None:
        """Raise ``Misplayed`` for a dead letter that was none in the clean play; there a check may want it."""
        if self.clean is None and not self._strict:
            return
        known = self.clean.letters if self.clean is not None else Counter()
        there = dict(letters(stage))
        for letter in facts(stage).letters - known:
            raise Misplayed("dead letter", f"{letter}: {there[letter]}")

    def _owes_nothing(self, stage: Stage) -> None:
        for sentence in owed(stage):
            raise Misplayed("owed", sentence)

    def _fails_for_good(self, stage: Stage) -> bool:
        """Whether something was made to fail that nobody redrives: then it may come to another end."""
        failed = [
            stage.script.points[number - 1] for number, how in stage.script.plan.mishaps if how in FAILURES
        ]
        return any(point.place is not Place.HANDLER for point in failed)

    def _replays(self, stage: Stage, run: Run) -> None:
        if held(run):  # it has not begun
            return
        workflow = stage.registry.workflow(run.workflow, run.version)
        parted = replay(peek(record(stage.store, run)), workflow)
        if parted is not None:
            raise Misplayed("not deterministic", f"replay of {run.id}, {parted}")

    def _misuses(self, run: Run) -> None:
        told = failure.decode(run.error) if run.error else None
        if told is not None and told.type in [f"dalsegno.errors.{name}" for name in _MISUSES]:
            raise Misplayed(told.type.rpartition(".")[2], told.message)

    def _stands(self, stage: Stage, run: Run) -> None:
        """Look for what a saga that undid itself left standing, and nobody said that it may."""
        if run.reason != COMPENSATED:
            return
        for entry in peek(stage.store.journal(run.number)):
            step = self._steps.get(entry.name)
            if entry.kind is not Kind.STEP or entry.outcome is Outcome.ERROR or entry.source or step is None:
                continue
            if step.options.compensate is None and not self._undoes(step):
                raise Misplayed(
                    "not undone",
                    f"run {run.id} is compensated and its {step.name} stands ({step.place}): give the step "
                    "compensate=, or compensate=NOTHING if nothing is to be undone",
                )

    def _undoes(self, step: StepDefinition) -> bool:
        """Whether a step is another's compensation, called by itself."""
        return any(each.options.compensate is step for each in self._steps.values())

    def _interrupted(self, stage: Stage) -> bool:
        """Whether a step that may not be repeated was cut off: what comes of that is the workflow's choice."""
        entries = (entry for run in stage.runs() for entry in peek(stage.store.journal(run.number)))
        doubtful = [self._steps.get(e.name) for e in entries if e.outcome is Outcome.UNKNOWN]
        return any(step is not None and step.options.at_most_once for step in doubtful)

    def _ends_alike(self, stage: Stage) -> None:
        if self.clean is None or self._interrupted(stage):
            return
        told = differing(self.clean, facts(stage))
        if told is not None:
            raise Misplayed("another end", told)
