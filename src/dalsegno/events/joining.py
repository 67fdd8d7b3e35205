"""A join as a run: it waits for one event of each type of its key, and then reacts to all of them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from dalsegno.core.clock import SECOND
from dalsegno.core.durations import text
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.event import Heard, event_signal, hear
from dalsegno.core.execution import current
from dalsegno.core.ops import Op, Request
from dalsegno.engine.definitions import Workflow, make_workflow
from dalsegno.errors import JoinIncomplete
from dalsegno.events.calling import Calling
from dalsegno.events.reaction import StepLike, run_stacked


class PartCall(Request):
    """A wait for one part of a join."""

    __slots__ = ()

    def value(self, entry: Entry) -> Heard:
        return hear(entry.data or b"null")

    def error(self, entry: Entry) -> BaseException:
        return RuntimeError(f"{entry.name} carries an error")  # nobody can make one

    def recover(self, op: Op, entry: Entry) -> bool:
        return False

    def reads(self, entry: Entry) -> bool:
        """Whether the delivery is one of ours: they all are."""
        return True


def joining(calling: Calling, step_like: StepLike | None) -> Workflow[Any, Any]:
    """Make the definition of a join: it begins with the first of its events, wherever that is in the set."""
    names = [kind.name for kind in calling.handler.contract.joins]
    within = calling.handler.options.within

    async def join(first: Heard) -> None:
        waits = {name: _part(name) for name in names}
        try:
            async with asyncio.timeout(within / SECOND) if within is not None else contextlib.nullcontext():
                parts = [await waits[name] for name in names]
        except TimeoutError:
            raise _incomplete(calling, first, [name for name in names if not waits[name].done()]) from None
        if step_like is not None:
            await step_like.react(parts)
        else:
            await run_stacked(calling, parts)

    return make_workflow(join, name=calling.title, model="join")


def _part(name: str) -> Op:
    execution = current()
    assert execution is not None
    signal = event_signal(name)
    return execution.open(Kind.SIGNAL, signal, b"", PartCall(), (signal,))


def _incomplete(calling: Calling, first: Heard, lacking: list[str]) -> JoinIncomplete:
    within = calling.handler.options.within
    return JoinIncomplete(
        f"Handler {calling.title} waited {text(within or 0)} for {', '.join(lacking)} of key {first.key!r}; "
        f"event {first.number} ({first.type}) was there.",
        "What it joins did not come together in time, so it was not called.",
        "Let a handler react to what is there, or raise within=.",
        key=first.key,
        lacking=tuple(lacking),
    )
