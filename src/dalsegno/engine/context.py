"""What a step's body can know about itself: its run, its attempt, its idempotency key."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from dalsegno.errors import NotInRun


class StepInfo(msgspec.Struct, frozen=True, gc=False):
    """One attempt of a step.

    ``idempotency_key`` is the same for every attempt of this step of this run, before and after
    crashes: hand it to the service that you call, and it can tell a repetition. In a ``batch`` it is
    that of the last event.
    """

    run_id: str
    workflow: str
    step: str
    attempt: int
    idempotency_key: str
    case_id: str | None = None
    batch: bool = False
    _emitted: list[Any] | None = None
    _within: Any = None  # what its body may reach of the store
    _seen: dict[Any, Any] | None = None

    def emit(self, what: Any) -> None:
        """Hand over an event, or a state to keep, that is to be written with the step's entry."""
        if self._emitted is None:
            force_setattr(self, "_emitted", [])
        assert self._emitted is not None
        self._emitted.append(what)

    def emit_instead(self, all_of_it: list[Any]) -> None:
        """Hand over these, and nothing that was handed over before."""
        if self._emitted is None:
            force_setattr(self, "_emitted", [])
        assert self._emitted is not None
        self._emitted[:] = all_of_it

    def share(self, other: StepInfo) -> None:
        """Let what another one is handed over, or reaches, be this one's too: both are of one attempt."""
        if self._emitted is None:
            force_setattr(self, "_emitted", [])
        for name in ("_emitted", "_within"):
            force_setattr(other, name, getattr(self, name))

    @property
    def has_emitted(self) -> bool:
        """Whether this attempt has emitted anything so far."""
        return self._emitted is not None

    @property
    def emitted(self) -> tuple[Any, ...]:
        """What this attempt has emitted so far."""
        return tuple(self._emitted or ())

    @property
    def within(self) -> Any:
        """What the body may reach of the store, given by whoever made this; None where nobody did."""
        return self._within

    @property
    def seen(self) -> dict[Any, Any]:
        """What the body has read in this attempt, by whatever it is known by."""
        if self._seen is None:
            force_setattr(self, "_seen", {})
        assert self._seen is not None
        return self._seen


step_context: ContextVar[StepInfo | None] = ContextVar("dalsegno_step", default=None)


def step_info() -> StepInfo:
    """Return what is known of the attempt that runs here; raise ``NotInRun`` outside a step's body."""
    info = step_context.get()
    if info is None:
        raise NotInRun(
            "step_info() was called outside a step's body.",
            "Only an attempt that a worker makes has an idempotency key.",
            "Call it in a function under @step; in a test of the bare function, pass the key in.",
        )
    return info
