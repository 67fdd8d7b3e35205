"""P5: only who owns a run changes it, sessions lose what they have by being fenced, and only the late are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from dalsegno.core.commit import (
    Beat,
    Claim,
    Claimed,
    Commit,
    Committed,
    Done,
    Emit,
    EndSession,
    Fence,
    OpenSession,
    Refused,
    Release,
    Retry,
    Send,
    Sent,
    Start,
    Started,
)
from dalsegno.core.reactions import React
from dalsegno.core.runs import Run
from dalsegno.core.writes import Verdict, Write
from dalsegno.testing.reacting import held
from dalsegno.testing.shadows import Breach, Shadow


class Ownership:
    """Follows sessions and their leases, and who may change which run in a write."""

    def __init__(self, breach: Breach, shadows: Mapping[int, Shadow]) -> None:
        self.fenced: set[int] = set()
        self.misjudged: set[int] = set()  # fenced on purpose, however alive
        self.refused = 0
        self._breach = breach
        self._shadows = shadows
        self._leases: dict[int, int] = {}  # until when, by the clock of leases
        self._commits: dict[int, int] = {}

    def judge(self, item: Write, verdict: Verdict, now: int) -> None:
        """Judge what an item did to sessions; ``now`` is by the clock of leases."""
        match item, verdict:
            case OpenSession(), Done():
                self._leases.setdefault(item.number, now + item.lease)  # told again, it renews nothing
            case Beat(), Done() if item.session in self.fenced:
                self._breach("P5", f"session {item.session} was fenced, and its heartbeat accepted")
            case Beat(), Done():
                self._leases[item.session] = now + item.lease
            case Beat(), Refused.FENCED if item.session not in self.fenced:
                self._breach("P5", f"nobody fenced session {item.session}, and its heartbeat was refused")
            case EndSession(), Done(count=1):
                self._end(item, now)
            case Claim(), Claimed():
                self._claimed(verdict)

    def held(self, fence: Fence, verdicts: Sequence[Verdict], now: int) -> None:
        """Judge the fence of a write, after its items: a goodbye ends its own session."""
        self.refused += Refused.FENCED in verdicts
        if Refused.FENCED not in verdicts and fence.session not in self.fenced:
            if fence.commits > self._commits.get(fence.session, 0):  # else it is one that had landed before
                self._leases[fence.session] = now + fence.lease
            self._commits[fence.session] = max(fence.commits, self._commits.get(fence.session, 0))
        elif Refused.FENCED in verdicts and fence.session not in self.fenced:
            self._breach("P5", f"nobody fenced session {fence.session}, and its writes were refused")

    def _end(self, item: EndSession, now: int) -> None:
        until = self._leases.get(item.number, 0)
        if not item.goodbye and item.number not in self.misjudged and until >= now:
            self._breach("P5", f"session {item.number} was fenced {until - now} µs before its lease was over")
        self.fenced.add(item.number)

    def _claimed(self, verdict: Claimed) -> None:
        for run in verdict.runs:
            shadow = self._shadows.get(run.number)
            if run.session in self.fenced:
                self._breach("P5", f"fenced session {run.session} claimed {run.id}")
            if shadow is not None and shadow.run.session not in (None, run.session, *self.fenced):
                self._breach("P5", f"{run.id} was claimed from under {shadow.run.session}")

    # -- one run

    def committed(self, item: Commit, fence: Fence | None, row: Run) -> None:
        """Judge a commit that changed a run."""
        shadow = self._shadows[item.run]
        owner = (shadow.run.session, shadow.run.turn)
        if owner != (item.session, item.turn):
            self._breach("P5", f"{row.id} belongs to {owner}, and {(item.session, item.turn)} wrote")
        if item.session in self.fenced or fence is None or fence.session != item.session:
            self._breach("P5", f"fenced session {item.session} wrote to {row.id} under {fence}")

    def may_change(
        self, group: Sequence[Write], verdicts: Sequence[Verdict], ids: Mapping[str, int]
    ) -> set[int]:
        """Return the runs that the items of a write are about."""
        touched: set[int] = set()
        for item, verdict in zip(group, verdicts, strict=True):
            match item, verdict:
                case Commit(), Committed():
                    touched.add(item.run)
                    touched |= {ids[start.id] for start in item.starts if start.id in ids}
                    touched |= {number for send in item.sends if (number := _whose(send, ids)) is not None}
                case Start(), Started():
                    touched.add(verdict.run.number)
                case ((Send() | Retry()), Sent(run=int(number))):
                    touched.add(number)
                case React(), Committed():
                    touched |= {start.number for start in item.begun}
                case Claim(), Claimed():
                    touched |= {run.number for run in verdict.runs} | self._owned({item.session})
                case EndSession(goodbye=True), Done(count=1):
                    touched |= self._owned({item.number})
                case Release(), Done():
                    touched |= self._owned(self.fenced)
        return touched

    def may_follow(self, group: Sequence[Write], run: Run) -> bool:
        """Tell whether a run may have changed so by what others did.

        An event that it waits for is told to it, and wakes it; the end of the reaction before it lets it go on.
        """
        shadow = self._shadows.get(run.number)
        if shadow is None:
            return True
        before, emits, ends = shadow.run, False, False
        for item in group:
            emits = emits or (isinstance(item, Emit | Commit | React) and bool(item.events))
            emits = emits or (isinstance(item, React) and bool(item.joined))
            ends = ends or (isinstance(item, Commit) and item.laned and item.rest is not None)
        told = replace(before, wakes=run.wakes, due_at=run.due_at)
        freed = replace(before, due_at=run.due_at)
        return (emits and told == run and run.wakes > before.wakes) or (
            ends and freed == run and (held(before) or _sooner(before, run))
        )

    def _owned(self, sessions: set[int]) -> set[int]:
        return {number for number, shadow in self._shadows.items() if shadow.run.session in sessions}

    def followed(self, before: Run, run: Run, *, committed: bool) -> None:
        """Judge how a run has changed hands; ``committed`` tells that its owner wrote."""
        if run.turn < before.turn or run.wakes < before.wakes:
            self._breach("P5", f"turn or wakes of {run.id} went back: {before} to {run}")
        if run.session is not None and run.session != before.session and run.turn <= before.turn:
            self._breach("P5", f"{run.id} has a new owner in the same turn {run.turn}")
        taken = before.session is not None and run.session != before.session and not committed
        if taken and before.session not in self.fenced:
            self._breach("P5", f"{run.id} was taken from session {before.session}, which nobody fenced")


def _whose(send: Send, ids: Mapping[str, int]) -> int | None:
    return send.run if send.run is not None else ids.get(send.run_id)


def _sooner(before: Run, run: Run) -> bool:
    """Whether a run that waits for a missing one for at most so long has its turn before that."""
    return before.due_at is not None and run.due_at is not None and run.due_at < before.due_at
