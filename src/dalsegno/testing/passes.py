"""The passes of an exploration: which plans are played, in which order, and when it is enough."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from dalsegno.core.ids import seeded
from dalsegno.insight.recording import Recording
from dalsegno.testing.plans import CRASHES, FAILURES, SENT_AGAIN, CrashPlan, Mishap
from dalsegno.testing.player import Played, Player
from dalsegno.testing.rehash import SEEDS, CannotReplay, Rehash, Rehashed, local
from dalsegno.testing.replaying import Divergence, call_at
from dalsegno.testing.report import Exploration, Finding, Pass
from dalsegno.testing.script import BODIES, Place, Point

ORDERS, AGAIN, CRASH, ZOMBIES, FAILING, PAIRS, HASHES = ALL = (
    "orders",
    "duplicates",
    "crashes",
    "zombies",
    "failing steps",
    "pairs",
    "hash seeds",
)

_ORDERS = 20
_PLACES = {
    Place.WRITE: ("write", "writes"),
    Place.HANDLER: ("handler call", "handler calls"),
    Place.STEP: ("step body", "step bodies"),
    Place.CALL: ("service call", "service calls"),
}


class Passes:
    """Plays pass after pass and notes what is found; after the first pass with a failure it stops."""

    def __init__(self, player: Player, found: Exploration, pairs: int, seed: int) -> None:
        self._player = player
        self._found = found
        self._pairs = pairs
        self._seed = seed
        self._played_clean: Played | None = None
        self._crashed: list[Played] = []
        self._recorded: list[Recording] = []
        self._warned: set[str] = set()

    def play(self, wanted: Collection[str]) -> None:
        """Play the passes that are wanted."""
        self._play_clean()
        in_turn = {
            ORDERS: self._orders,
            AGAIN: self._duplicates,
            CRASH: self._crashes,
            ZOMBIES: self._zombies,
            FAILING: self._failing,
        }
        for name, one_pass in in_turn.items():
            if name in wanted and not self._found.failures:
                one_pass()
        if not self._found.failures:
            rehash = self._rehash(SEEDS) if HASHES in wanted else None  # at work while pairs are played
            try:
                if PAIRS in wanted:
                    self._pairs_of_crashes()
                if not self._found.failures:
                    self._collect(rehash)
            finally:
                if rehash is not None:
                    rehash.close()
        self._found.failures.sort(key=lambda finding: len(finding.plan.mishaps))

    def replay(self, plan: CrashPlan, wanted: Collection[str]) -> None:
        """Play one plan alone, after the clean play by which it is judged.

        A hash seed needs the journals of the failing steps again, where that pass is wanted.
        """
        self._play_clean()
        if plan.hash_seed:
            if FAILING in wanted and not self._found.failures:
                self._failing_alone()
            if not self._found.failures:
                self._collect(self._rehash([plan.hash_seed]))
        elif plan != CrashPlan() and not self._found.failures:
            self._all(str(plan), [plan], watch=True)

    @property
    def _clean(self) -> Played:
        assert self._played_clean is not None
        return self._played_clean

    # -- the passes

    def _play_clean(self) -> None:
        [self._played_clean] = self._all("clean", [CrashPlan()], watch=True)
        self._recorded += self._clean.recordings
        self._player.judge.clean = self._clean.facts
        self._found.points = len(self._clean.points)
        self._found.passes[0].note = _counted(self._clean.points, services=bool(self._player.known.services))

    def _orders(self) -> None:
        self._all(ORDERS, [CrashPlan(order=number) for number in range(1, _ORDERS + 1)])
        if not self._player.judge.settled:
            self._found.passes[-1].note = "how it ends depends on the order of answers: `check` judges it"

    def _duplicates(self) -> None:
        if self._clean.emits:
            self._all(
                AGAIN,
                [CrashPlan(again=when) for when in SENT_AGAIN],
                "sent again, at once and at the end",
            )

    def _crashes(self) -> None:
        plans = [CrashPlan().then(number, mishap) for number, mishap in _befalling(self._clean.points)]
        self._crashed = self._all(CRASH, plans, "before, after, and acknowledged too late")

    def _zombies(self) -> None:
        stalls = [p.number for p in self._clean.points if p.place is not Place.CALL and p.of_worker]
        plans = [CrashPlan().then(number, Mishap.ZOMBIE) for number in stalls]
        self._all(ZOMBIES, plans, "stood still past the lease, and woke")

    def _failing(self) -> None:
        failed = self._failing_alone()
        if failed and not self._found.failures:
            plans = [p.plan.then(*what) for p in failed for what in _crashes_after(p)]
            drawn, note = self._drawn(plans)
            self._all("… and a crash", drawn, note)

    def _failing_alone(self) -> list[Played]:
        """Let each step of a saga, and each handler, fail in each way, nothing else; keep the journals."""
        steps = [point.number for point in self._clean.points if point.fails]
        singles = [CrashPlan().then(number, mishap) for number in steps for mishap in FAILURES]
        if not singles:
            return []
        failed = self._all(FAILING, singles, "refused, and timed out", watch=True)
        self._recorded += [recording for played in failed for recording in played.recordings]
        return failed

    def _pairs_of_crashes(self) -> None:
        first = self._crashed or self._all(CRASH, self._single_crashes())
        plans = [
            played.plan.then(*what)
            for played in first
            if played.plan.mishaps[0][1] in CRASHES
            for what in _crashes_after(played)
        ]
        drawn, note = self._drawn(plans)
        self._all(PAIRS, drawn, note)

    def _single_crashes(self) -> list[CrashPlan]:
        return [CrashPlan().then(*what) for what in _befalling(self._clean.points) if what[1] in CRASHES]

    def _drawn(self, plans: list[CrashPlan]) -> tuple[list[CrashPlan], str]:
        """All of them, or as many as are wanted, drawn by the seed."""
        if len(plans) <= self._pairs:
            return plans, "all of them"
        rng = seeded("pairs", self._seed)
        ranked = sorted(range(len(plans)), key=lambda _: rng.random())[: self._pairs]
        return [plans[index] for index in sorted(ranked)], f"drawn from {len(plans):,}"

    # -- hash seeds

    def _rehash(self, seeds: Collection[int]) -> Rehash | None:
        played = {recording.run.workflow for recording in self._recorded}
        if not played:
            self._found.passes.append(Pass(HASHES, 0, "no workflow was played"))
            return None
        used = [workflow for name, workflow in self._player.sources if name in played]
        unknown = [workflow.name for workflow in used if local(workflow)]
        if unknown:
            note = (
                f"not checked: {', '.join(unknown)} is defined in a function, where no other process finds it"
            )
            self._found.passes.append(Pass(HASHES, 0, note))
            return None
        return Rehash(used, self._recorded, list(seeds))

    def _collect(self, rehash: Rehash | None) -> None:
        if rehash is None:
            return
        try:
            parted = rehash.collect()
        except CannotReplay as error:
            self._found.passes.append(Pass(HASHES, 0, f"not checked: {error}"))
            return
        self._found.passes.append(Pass(HASHES, len(rehash.seeds), "replayed in processes of their own"))
        for each in parted:
            plan = CrashPlan(hash_seed=each.hash_seed)
            run = self._recorded[each.index].run.id
            what = f"replay of {run} under hash seed {each.hash_seed}, {self._both_sides(each)}"
            story = ("a set, or what is made of one, has another order in each process: sort it",)
            self._found.failures.append(Finding(plan, "not deterministic", what, story))

    def _both_sides(self, found: Rehashed) -> Divergence:
        """Say what the journal holds by what the code asks for in this process, which has its hash seed."""
        recording = self._recorded[found.index]
        workflow = self._player.replayable.workflow(recording.run.workflow, recording.run.version)
        holds = call_at(recording, workflow, found.parted.position)
        return replace(found.parted, holds=holds) if holds else found.parted

    # -- playing

    def _all(
        self, name: str, plans: Iterable[CrashPlan], note: str = "", *, watch: bool = False
    ) -> list[Played]:
        """Play these plans as one pass; note what they find."""
        clean = self._played_clean.points if self._played_clean is not None else None
        done = [self._player.play(plan, watch=watch, clean=clean) for plan in plans]
        self._found.passes.append(Pass(name, len(done), note))
        for played in done:
            if played.failure is not None:
                self._found.failures.append(played.failure)
            for finding in played.twice:
                what = finding.what.partition(" happened")[0]
                if what not in self._warned:
                    self._warned.add(what)
                    self._found.warnings.append(finding)
        return done


def _counted(points: list[Point], *, services: bool) -> str:
    """Say how many points of each kind there are; handlers only where there are any."""
    told = []
    for place, (one, many) in _PLACES.items():
        count = sum(point.place is place for point in points)
        if place is not Place.HANDLER or services:
            told.append(f"{count:,} {one if count == 1 else many}")
    return ", ".join(told)


def _befalling(points: list[Point]) -> Iterator[tuple[int, Mishap]]:
    """Yield all crashes, and lost replies, that may befall these points."""
    for point in points:
        first_call = point.place is Place.CALL and points[point.number - 2].place in BODIES
        if not first_call:  # before it is no other place than before its step's body
            yield point.number, Mishap.BEFORE
        yield point.number, Mishap.AFTER
        if point.place is Place.WRITE:
            yield point.number, Mishap.LATE


def _crashes_after(played: Played) -> Iterator[tuple[int, Mishap]]:
    """Yield the crashes that may follow the last mishap of a play."""
    for number, mishap in _befalling(played.points):
        if number > played.plan.last and mishap in CRASHES:
            yield number, mishap
