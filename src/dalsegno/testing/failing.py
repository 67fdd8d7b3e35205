"""What a plan makes fail: a step, a handler, or a far side's call by one, in each of its attempts."""

from __future__ import annotations

from dalsegno.errors import StepTimeout
from dalsegno.testing.deeds import Doing
from dalsegno.testing.plans import FAILURES, Mishap


class StepMadeToFail(Exception):
    """What a step, a handler or a far side raises that ``explore`` makes fail."""


class Failing:
    """Knows what fails in one play; ``error`` is what is raised.

    A body is known by its idempotency key, a call by that and its name. ``runs`` are the reactions in
    which handlers fail: a person redrives what becomes a dead letter, and then it fails no more.
    """

    def __init__(self, error: BaseException | None = None) -> None:
        self.runs: set[str] = set()
        self._error = error or StepMadeToFail("explore() made this fail")
        self._known: dict[tuple[str, str], Mishap] = {}

    def begin(self, doing: Doing, mishap: Mishap | None, call: str = "") -> None:
        """Let a body, or a call of it, fail from now on, if that is the mishap."""
        if mishap in FAILURES and mishap is not None:
            self._known[doing.key, call] = mishap
            if doing.kind == "handler":
                self.runs.add(doing.run_id)

    def enter(self, doing: Doing, call: str = "") -> None:
        """Begin a body, or a call; raise if it is refused."""
        if self._how(doing, call) is Mishap.REFUSED:
            raise self._error

    def leave(self, doing: Doing, call: str = "") -> None:
        """End what has happened; raise if no answer is to come of it."""
        if self._how(doing, call) is not Mishap.TIMED_OUT:
            return
        if call:
            raise self._error
        raise StepTimeout(
            f"explore() let {doing.kind} {doing.step} of run {doing.run_id} time out (attempt {doing.attempt}).",
            "Its effect has happened; the workflow is not to know it.",
            "Let the workflow and the service stand it, as they must stand a slow one: by the idempotency key.",
            run_id=doing.run_id,
            step=doing.step,
            attempt=doing.attempt,
        )

    def end(self) -> None:
        """Let nothing fail any more."""
        self.runs.clear()
        self._known.clear()

    def _how(self, doing: Doing, call: str) -> Mishap | None:
        over = doing.fails is not None and doing.attempt > doing.fails
        return None if over else self._known.get((doing.key, call))
