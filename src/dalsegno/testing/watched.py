"""Runs steps whose bodies have points: before they begin, after they have returned, and as slow as wanted."""

from __future__ import annotations

from asyncio import events
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dalsegno.core.clock import nap
from dalsegno.engine.calls import StepCall
from dalsegno.engine.context import StepInfo
from dalsegno.engine.definitions import StepDefinition
from dalsegno.engine.runner import Attempt, Ended, StepRunner
from dalsegno.testing.deeds import Doing, WatchedInfo
from dalsegno.testing.services import Gone
from dalsegno.testing.simclock import SimThreads
from dalsegno.testing.simloop import SECOND, Host

if TYPE_CHECKING:
    from dalsegno.testing.stage import Stage


@contextmanager
def off_the_loop() -> Iterator[None]:
    """Be as in a thread, where a plain function is at home."""
    loop = events._get_running_loop()
    events._set_running_loop(None)
    try:
        yield
    finally:
        events._set_running_loop(loop)


class WatchedRunner(StepRunner):
    """Runs steps whose bodies have points."""

    def __init__(self, stage: Stage, host: Host, threads: SimThreads) -> None:
        super().__init__(threads)
        self._stage = stage
        self._host = host

    def start(self, call: StepCall, info: StepInfo, timeout: int | None, ended: Ended, whose: Any) -> Attempt:
        if info.workflow in self._stage.handled:  # its step is a handler, which comes to its points itself
            return super().start(call, info, timeout, ended, whose)
        known = WatchedInfo(
            info.run_id, info.workflow, info.step, info.attempt, info.idempotency_key, info.case_id
        )
        info.share(known)
        return super().start(self._stage.body(call, info, self._host), known, timeout, ended, whose)


class Body:
    """A step as its runner sees it, with a function that comes to its points."""

    def __init__(self, stage: Stage, step: StepDefinition, doing: Doing, number: int) -> None:
        self._stage = stage
        self._step = step
        self._doing = doing
        self._number = number
        self.is_async = step.is_async
        self.function: Callable[..., Any] = self._awaited if step.is_async else self._called

    def __getattr__(self, name: str) -> Any:
        return getattr(self._step, name)

    def _called(self, *args: Any, **kwargs: Any) -> Any:
        stage, doing = self._stage, self._doing
        stage.enter_body(doing)
        with off_the_loop():
            answer = self._step.function(*args, **kwargs)
        late = stage.leave_body(doing, self._number, (args, kwargs, answer))
        stage.threads[str(doing.host)].takes(round(late * SECOND))
        return answer

    async def _awaited(self, *args: Any, **kwargs: Any) -> Any:
        stage, doing = self._stage, self._doing
        try:
            stage.enter_body(doing)
            answer = await self._step.function(*args, **kwargs)
            late = stage.leave_body(doing, self._number, (args, kwargs, answer))
        except Gone:
            await stage.loop.create_future()  # nobody goes on here
            raise
        if late:
            await nap(late)
        return answer
