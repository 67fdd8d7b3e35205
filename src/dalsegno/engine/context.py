"""What a step's body can know about itself: its run, its attempt, its idempotency key."""

from __future__ import annotations

from contextvars import ContextVar

import msgspec

from dalsegno.errors import NotInRun


class StepInfo(msgspec.Struct, frozen=True, gc=False):
    """One attempt of a step.

    ``idempotency_key`` is the same for every attempt of this step of this run, before and after
    crashes: hand it to the service that you call, and it can tell a repetition.
    """

    run_id: str
    workflow: str
    step: str
    attempt: int
    idempotency_key: str
    case_id: str | None = None


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
