"""A small deterministic event loop: the place where workflow code runs.

It is an ``asyncio.AbstractEventLoop`` with a ready queue, futures, tasks and timers, and nothing
else: no sockets, no threads, no clock. Time is the time of the last journal entry; a timer is not
waited for here but handed to the execution, which makes it durable. Whatever has no meaning inside
a workflow fails at once with a sentence that says "put it in a step".

Invariant: the order in which callbacks run depends on the calls made and on nothing else. Futures
and tasks hash by their number, because the standard library keeps them in sets and iterates these.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import sys
import weakref
from asyncio import events, tasks
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar, TypeVarTuple, cast

from dalsegno.core.agens import Hooks, Watch
from dalsegno.core.durations import MAX, microseconds
from dalsegno.errors import MisusedInRun, SideEffectInWorkflow

if TYPE_CHECKING:
    from dalsegno.core.fiber import Fiber

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

log = logging.getLogger("dalsegno.loop")
_SECOND = 1_000_000
_SPREAD = 0x9E3779B97F4A7C15  # an odd number without pattern
_HASH_MASK = (1 << 60) - 1


class RunFuture(asyncio.Future[T]):
    """A future that hashes by the order of its making, so that sets of it iterate alike."""

    __slots__ = ("order", "run_loop")

    def __init__(self, *, loop: RunLoop) -> None:
        self.run_loop = loop
        loop.numbers += 1
        self.order = loop.numbers
        asyncio.Future.__init__(self, loop=loop)

    def __hash__(self) -> int:
        return self.run_loop.hash_base + self.order

    def __eq__(self, other: object) -> bool:
        return self is other


class RunTask(asyncio.Task[T]):
    """A task that hashes by the order of its making; its default name is local to the run."""

    def __init__(
        self,
        coro: Coroutine[Any, Any, T],
        *,
        loop: RunLoop,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> None:
        # Before the base class: registering a task puts it into a set, which asks for its hash.
        self.number = loop.next_number()
        self._hash = loop.hash_base + self.number
        super().__init__(coro, loop=loop, name=name or f"task-{self.number}", context=context)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other

    def awaits(self) -> asyncio.Future[Any] | None:
        """Return the future that the task stands at."""
        future: asyncio.Future[Any] | None = getattr(self, "_fut_waiter", None)
        return future

    def forget(self) -> None:
        """Drop the task without a word, whatever state it is in."""
        self._log_destroy_pending = False


class AlarmKeeper(Protocol):
    """Who makes the timers of workflow code durable: the execution. ``number`` is the run's."""

    number: int

    def alarm_set(self, when: float, ready: Ready) -> Alarm:
        """Make a timer."""
        ...

    def alarm_cancelled(self, alarm: Alarm) -> None:
        """Hear that a timer is not wanted any more."""
        ...


class Ready(asyncio.Handle):
    """A callback in the ready queue; leaner than the base class, which serves debug modes too."""

    __slots__ = ("args", "callback", "context", "gone")

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.gone = False

    def cancel(self) -> None:
        self.gone = True

    def cancelled(self) -> bool:
        return self.gone

    def __repr__(self) -> str:
        return f"<Ready {self.callback!r}>"


class Alarm(asyncio.TimerHandle):
    """A timer of workflow code: durable as soon as the execution has written it.

    ``op`` is its number in the run, 0 when it was due at once; ``when_us`` and ``made_us`` are run
    time in microseconds.
    """

    __slots__ = ("keeper", "made_us", "op", "ready", "seconds", "when_us")

    def __init__(self, keeper: AlarmKeeper, op: int, when: float, made_us: int, ready: Ready) -> None:
        self.keeper = keeper
        self.op = op
        self.seconds = when
        self.when_us = round(when * _SECOND)
        self.made_us = made_us
        self.ready = ready

    def when(self) -> float:
        return self.seconds

    def cancel(self) -> None:
        if not self.ready.gone:
            self.ready.cancel()
            self.keeper.alarm_cancelled(self)

    def cancelled(self) -> bool:
        return self.ready.gone

    def __hash__(self) -> int:
        return self.op

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<Alarm {self.op} at {self.seconds}>"


class Nobody:
    """Keeps the timers of a run that was dropped: none."""

    number = 0

    def alarm_set(self, when: float, ready: Ready) -> Alarm:
        """Make a timer that never fires."""
        return Alarm(self, 0, when, 0, ready)

    def alarm_cancelled(self, alarm: Alarm) -> None:
        """Hear of nothing."""


_NOBODY = Nobody()


class RunLoop(asyncio.AbstractEventLoop):
    """The event loop of one execution.

    ``drain`` runs everything that is ready and returns; nothing in here ever blocks. Timers are
    handed to the keeper. ``fiber`` is the ``def`` code that runs right now, if any.
    """

    def __init__(self, keeper: AlarmKeeper) -> None:
        self.keeper: AlarmKeeper = keeper
        # Apart from other runs': asyncio keeps the tasks of all loops of a process in one set.
        self.hash_base = keeper.number * _SPREAD & _HASH_MASK
        self.time_us = 0
        self.dead = False
        self.torn = (
            False  # a callback is lost, since there was no memory for it: what follows from it never comes
        )
        self.fiber: Fiber | None = None
        self.open_tasks: dict[int, RunTask[Any]] = {}
        self.open_agens: dict[int, weakref.ref[Any]] = {}
        self._queue: deque[Ready] = deque()
        self.numbers = 0  # of futures, tasks and async generators, in the order of making

    # -- what the owner uses

    def next_number(self) -> int:
        """Number a future, a task or an async generator in the order of making."""
        self.numbers += 1
        return self.numbers

    def fire(self, alarm: Alarm) -> None:
        """Put a due timer's callback into the ready queue."""
        if not alarm.ready.gone:
            self._queue.append(alarm.ready)

    def drain(self) -> None:
        """Run callbacks until none is ready.

        The loop is the running one meanwhile, and no cyclic garbage is collected: a dropped
        neighbour's ``finally`` must not run inside this run's turn.
        """
        queue = self._queue
        if not queue or self.torn:
            return
        if type(sys.get_asyncgen_hooks().firstiter) is not Hooks:
            with Watch(RunLoop):
                self.drain()
            return
        outer = events._get_running_loop()
        collecting = gc.isenabled()
        if collecting:
            gc.disable()
        events._set_running_loop(self)
        try:
            while queue:
                ready = queue.popleft()
                if ready.gone:
                    continue
                try:
                    ready.context.run(ready.callback, *ready.args)
                except (SystemExit, KeyboardInterrupt):
                    # asyncio re-raises these after storing them as the task's outcome; that is enough here.
                    continue
                except MemoryError:
                    self.torn = True
                    return
                except Exception as error:
                    self.call_exception_handler({"message": "a callback failed", "exception": error})
        finally:
            events._set_running_loop(outer)
            if collecting:
                gc.enable()

    def let_go(self) -> None:
        """Forget the keeper and whatever is still here, once the loop is dead and nothing runs on it."""
        self.keeper = _NOBODY
        self.open_tasks.clear()
        self.open_agens.clear()
        self._queue.clear()

    # -- what asyncio and user code use

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> Ready:
        ready = Ready(callback, args, contextvars.copy_context() if context is None else context)
        if not self.dead:
            self._queue.append(ready)
        return ready

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        ready = Ready(callback, args, contextvars.copy_context() if context is None else context)
        if self.dead or when <= self.time():
            if not self.dead:
                self._queue.append(ready)
            return Alarm(self.keeper, 0, when, self.time_us, ready)
        delay = when - self.time()
        if not delay <= MAX / _SECOND:  # NaN is neither longer nor shorter
            microseconds(delay, what="delay of a timer")  # raises, and says why
        return self.keeper.alarm_set(when, ready)

    def time(self) -> float:
        return self.time_us / _SECOND

    def create_future(self) -> RunFuture[Any]:
        return RunFuture(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
        **_: Any,
    ) -> RunTask[T]:
        _refuse_unordered(coro)
        text = None if name is None else str(name)
        return self.spawn(cast("Coroutine[Any, Any, T]", coro), text, context)

    def spawn(
        self, coro: Coroutine[Any, Any, T], name: str | None, context: contextvars.Context | None = None
    ) -> RunTask[T]:
        """Make a task, whoever asks for it."""
        task: RunTask[T] = RunTask(coro, loop=self, name=name, context=context)
        self.open_tasks[task.number] = task
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        assert isinstance(task, RunTask)
        self.open_tasks.pop(task.number, None)

    def agen_begins(self, agen: AsyncGenerator[Any, Any]) -> None:
        """Hear of an async generator of this run."""
        number = self.next_number()
        self.open_agens[number] = weakref.ref(agen, lambda _: self.open_agens.pop(number, None))

    def agen_dropped(self, agen: AsyncGenerator[Any, Any]) -> None:
        """Close a generator that the code dropped before its end, as ``asyncio`` does."""
        if not self.dead:
            self.call_soon(self.create_task, agen.aclose())

    async def shutdown_asyncgens(self) -> None:
        return None

    def is_running(self) -> bool:
        return events._get_running_loop() is self

    def is_closed(self) -> bool:
        return False

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        return None

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.dead:
            log.error(context.get("message", "workflow code"), exc_info=context.get("exception"))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.default_exception_handler(context)


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise SideEffectInWorkflow(
            f"Workflow code called the event loop's {name}(), which reaches outside the run.",
            "A workflow is replayed from its journal after a crash, so it may touch nothing but its steps.",
            "Put this into a step: a function under @step is ordinary Python and may do any I/O.",
        )

    return refuse


for _name in vars(asyncio.AbstractEventLoop):
    if not _name.startswith("_") and _name not in vars(RunLoop):
        setattr(RunLoop, _name, _refusal(_name))


def make_run_loop(keeper: AlarmKeeper) -> RunLoop:
    """Make a loop; the methods that checkers miss in it are the refusals, attached above."""
    concrete: Callable[[AlarmKeeper], RunLoop] = cast("Any", RunLoop)
    return concrete(keeper)


def _refuse_unordered(coro: object) -> None:
    """Refuse ``as_completed`` over coroutines: it makes its tasks from a set of them.

    A coroutine hashes by its address, so the tasks would be made in another order at each replay.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename == tasks.__file__:
        if frame.f_code.co_qualname in ("as_completed", "_AsCompletedIterator.__init__"):
            close = getattr(coro, "close", None)
            if close is not None:
                close()
            raise MisusedInRun(
                "asyncio.as_completed() was given coroutines.",
                "It would start them in the order of a set, which is another one at each replay.",
                "Make tasks first: as_completed([asyncio.create_task(c) for c in coroutines]).",
            )
        frame = frame.f_back
