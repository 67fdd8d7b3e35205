"""P6: what the bodies of steps did to the world, judged as each begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dalsegno.core.entries import Kind
from dalsegno.testing.effects import Effect
from dalsegno.testing.ownership import Ownership
from dalsegno.testing.shadows import Breach, Op, Room, Shadow


class Bodies:
    """Hears of each side effect, and remembers under which key what was done."""

    def __init__(
        self, breach: Breach, shadows: Mapping[int, Shadow], room: Room, ownership: Ownership
    ) -> None:
        self._breach = breach
        self._shadows = shadows
        self._room = room
        self._ownership = ownership
        self._calls: dict[str, tuple[str, bytes]] = {}
        self._bodies: Counter[tuple[str, int, int]] = Counter()
        self.heard_of = 0

    def heard(self, effect: Effect) -> None:
        """Judge a side effect: the beginning of an attempt's body."""
        self.heard_of += 1
        try:
            op = Op.of(effect.key)
        except ValueError:
            return self._breach("P6", f"key {effect.key!r} of {effect.step} names no operation")
        shadow = self._shadows.get(op.run)
        if shadow is None:
            return self._breach("P6", f"{effect.step} ran before the start of {effect.run_id} was durable")
        engine = self._room.engine_of(effect.by)
        self._judge_key(effect, op)
        self._judge_owner(effect, op, shadow, engine.session)
        live = engine.live.get(op.run)
        if live is not None and live.execution.position > len(shadow.entries):
            seen, there = live.execution.position, len(shadow.entries)
            self._breach(
                "P6", f"{effect.step} of {effect.run_id} rests on {seen} entries, {there} are durable"
            )
        self._count(effect, op, shadow, engine.session)
        return None

    def remember(self, effect: Effect) -> None:
        """Know of an effect from before this world began, without judging it."""
        self._calls.setdefault(effect.key, (effect.step, effect.input))

    def _judge_key(self, effect: Effect, op: Op) -> None:
        call = (effect.step, effect.input)
        if effect.attempt > 1 and effect.key not in self._calls:
            self._breach(
                "P6", f"attempt {effect.attempt} of {effect.step} has a key of its own: {effect.key}"
            )
        if self._calls.setdefault(effect.key, call) != call:
            self._breach("P6", f"key {effect.key} named {self._calls[effect.key]}, and now {call}")

    def _judge_owner(self, effect: Effect, op: Op, shadow: Shadow, session: int) -> None:
        # An attempt that had begun when its process was stopped goes on when that wakes: nobody can help it.
        # Nor that a process goes on that was judged dead while its lease was good, until it hears of that.
        if not (self._room.just_woke(effect.by) or session in self._ownership.misjudged):
            if not op.undo and op.number in shadow.settled:
                self._breach("P6", f"{effect.step} of {effect.run_id} ran again after its entry: {effect}")
            if session in self._ownership.fenced:
                self._breach("P5", f"{effect.step} of {effect.run_id} was begun by fenced session {session}")
        # It was due when it was begun; the wall clock may have been set back since.
        if effect.attempt > 1 and effect.at + self._room.set_back < shadow.due.get(op.number, 0):
            self._breach("P7", f"attempt {effect.attempt} of {effect.step} came before its time")

    def _count(self, effect: Effect, op: Op, shadow: Shadow, session: int) -> None:
        self._bodies[effect.key, effect.attempt, session] += 1
        allowed = 1
        if op.undo:  # a person's retry is the same undo to its service
            allowed += sum(entry.kind is Kind.HOLD for entry in shadow.entries)
        if self._bodies[effect.key, effect.attempt, session] > allowed:
            self._breach("P6", f"attempt {effect.attempt} of {effect.key} began twice in session {session}")
        step = self._room.registry.steps.get(effect.step)
        if step is not None and step.options.at_most_once:
            times = sum(n for (key, _, _), n in self._bodies.items() if key == effect.key)
            if times > 1:
                self._breach("P6", f"{effect.step} of {effect.run_id} is at_most_once, and ran {times} times")
