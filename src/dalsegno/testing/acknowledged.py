"""P1 and P2: what a caller was told of is there, once, after every write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dalsegno.core.entries import Delivery, Kind
from dalsegno.core.runs import Run
from dalsegno.testing.shadows import Breach, Shadow

Inbox = Callable[[int], Sequence[Delivery]]


class Acknowledged:
    """Remembers what was acknowledged, and looks for it."""

    def __init__(self, breach: Breach, shadows: Mapping[int, Shadow], inbox: Inbox) -> None:
        self._breach = breach
        self._shadows = shadows
        self._inbox = inbox
        self._starts: dict[str, bytes | None] = {}
        self._signals: list[tuple[str, bytes]] = []
        self._cancels: list[str] = []

    @property
    def count(self) -> int:
        """How many starts, signals and cancels were acknowledged."""
        return len(self._starts) + len(self._signals) + len(self._cancels)

    def started(self, run_id: str, digest: bytes | None) -> None:
        """Hear that a start with this input was acknowledged to its caller."""
        self._starts.setdefault(run_id, digest)

    def signalled(self, run_id: str, data: bytes) -> None:
        """Hear that a signal was acknowledged; its payload must be its own in this world."""
        self._signals.append((run_id, data))

    def cancelled(self, run_id: str) -> None:
        """Hear that a cancel was acknowledged."""
        self._cancels.append(run_id)

    def look(self, rows: Mapping[int, Run]) -> None:
        """Look for everything."""
        ids = {run.id: run for run in rows.values()}
        if len(ids) != len(rows):
            self._breach("P2", f"an id names several runs: {sorted(run.id for run in rows.values())}")
        for run_id, digest in self._starts.items():
            if run_id not in ids:
                self._breach("P1", f"the start of {run_id} was acknowledged, and it is not there")
            elif digest is not None and ids[run_id].input_digest != digest:
                self._breach("P2", f"{run_id} was started with {digest!r}, and has another input")
        for run_id, data in self._signals:
            taken, kept = self._find(ids[run_id].number, Kind.SIGNAL, data)
            if taken + kept != 1:
                self._breach("P1", f"signal {data!r} to {run_id}: {taken} times taken, {kept} times kept")
        for run_id in self._cancels:
            run = ids[run_id]
            if not run.status.ended and sum(self._find(run.number, Kind.CANCEL, None)) != 1:
                self._breach("P1", f"the cancel of {run_id} was acknowledged, and is neither taken nor kept")

    def _find(self, number: int, kind: Kind, data: bytes | None) -> tuple[int, int]:
        entries, inbox = self._shadows[number].entries, self._inbox(number)
        taken = sum(entry.kind is kind and entry.data == data for entry in entries)
        return taken, sum(delivery.kind is kind and delivery.data == data for delivery in inbox)
