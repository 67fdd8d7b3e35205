"""An asyncio event loop with a seed and virtual time: many simulated processes in one real thread.

Each callback belongs to a *host*, a simulated process, by the context that it runs in. Within a host
callbacks run first in, first out, as asyncio promises; which host runs next is drawn by the seed,
since between processes nothing is promised. The clock jumps to the next timer once nothing is ready,
so waiting costs nothing. The same seed gives the same run, callback for callback.

A host can be *killed* (its callbacks are dropped: no ``finally``, no ``CancelledError``, as with
``kill -9``), *paused* (they wait: SIGSTOP, or a long garbage collection) and started again as a new
host of the same name. Nothing ready, no timer, and the main task not done is a lost wake-up: the loop
raises ``Deadlock``.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import heapq
import zlib
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, NoReturn, TypeVar, TypeVarTuple, cast

from dalsegno.core.ids import seeded

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SECOND = 1_000_000
_HOT = 100_000  # callbacks in one moment of virtual time: something spins


class Deadlock(AssertionError):
    """Nothing is ready, no timer is set, and the main task waits: somebody was never woken."""


class Livelock(AssertionError):
    """Callbacks make callbacks, and no time passes."""


class Host:
    """One life of a simulated process: its ready callbacks, and whether it runs, stands still or is dead.

    What a real process does in a thread of its own has a host of its own here: its ``process`` is the
    host of the main thread, and lives, stands still and dies with it.
    """

    def __init__(self, name: str, life: int) -> None:
        self.name = name
        self.life = life
        self.alive = True
        self.resumes_at = 0
        self.ready: deque[SimHandle] = deque()
        self.tasks: dict[int, asyncio.Task[Any]] = {}
        self.process: Host = self
        self.threads: list[Host] = [self]

    def __repr__(self) -> str:
        return f"{self.name}.{self.life}"


_host: contextvars.ContextVar[Host] = contextvars.ContextVar("dalsegno_sim_host")


class SimHandle(asyncio.TimerHandle):
    """A callback that waits for its turn, and for its time if it has one."""

    __slots__ = ("args", "callback", "context", "due_us", "gone", "host")

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context,
        host: Host,
        due_us: int,
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.host = host
        self.due_us = due_us
        self.gone = False

    def cancel(self) -> None:
        self.gone = True

    def cancelled(self) -> bool:
        return self.gone

    def when(self) -> float:
        return self.due_us / SECOND

    def __repr__(self) -> str:
        return f"<SimHandle {self.host} {self.callback!r}>"


class SimTask(asyncio.Task[T]):
    """A task that hashes by the order of its making, so that sets of tasks iterate alike."""

    def __init__(self, coro: Coroutine[Any, Any, T], *, number: int, **options: Any) -> None:
        self.number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other

    def forget(self) -> None:
        """End the task without a word, wherever it stands."""
        self._log_destroy_pending = False
        try:
            cast("Coroutine[Any, Any, T]", self.get_coro()).close()
        except BaseException:  # what it does on its way out concerns nobody any more
            return


class SimLoop(asyncio.AbstractEventLoop):
    """See the module. Make one with ``make_sim_loop``; ``run`` drives a main task to its end.

    ``lateness`` is how many microseconds after its time a timer may fire, by the seed: real loops are
    never punctual. ``thread_lag`` delays what a simulated thread tells the loop. ``faults`` collects
    what callbacks raised; ``trace`` is a checksum of all that ran.
    """

    APART: ClassVar[frozenset[str]] = frozenset({"Heart.run"})
    """Coroutines that have a thread of their own in a real process."""

    def __init__(self, seed: int | str) -> None:
        self.rng = seeded("simloop", seed)
        self.now_us = 0
        self.lateness = 0
        self.thread_lag = 0
        self.trace = 0
        self.turns = 0
        self.faults: list[str] = []
        self.ground = Host("ground", 0)
        self.hosts: list[Host] = [self.ground]
        self._timers: list[tuple[int, int, SimHandle]] = []
        self._numbers = 0
        self._hot = 0
        self._stop: BaseException | None = None
        self._over = False

    # -- hosts

    def host(self, name: str) -> Host:
        """Start a simulated process; one of this name that lived before stays what it is."""
        life = sum(host.name == name for host in self.hosts)
        host = Host(name, life)
        self.hosts.append(host)
        return host

    @property
    def here(self) -> Host:
        """The process whose code runs now."""
        return _host.get(self.ground).process

    def spawn(self, host: Host, coro: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """Start a task as part of a host."""
        context = contextvars.copy_context()
        context.run(_host.set, host)
        return self.create_task(coro, name=name, context=context)

    def kill(self, host: Host) -> None:
        """End a host at once, as ``kill -9``: nothing of it runs any more, not even to clean up."""
        for thread in host.threads:
            thread.alive = False
            thread.ready.clear()

    def pause(self, host: Host, microseconds: int) -> None:
        """Let a host stand still for a while; what it has to do waits."""
        for thread in host.threads:
            thread.resumes_at = self.now_us + microseconds

    def block(self, microseconds: int) -> None:
        """Let the main thread of the process whose code runs now do nothing else for a while."""
        self.here.resumes_at = self.now_us + microseconds

    def _thread_of(self, host: Host) -> Host:
        thread = Host(f"{host.name}'", host.life)
        thread.process, thread.resumes_at, thread.alive = host, host.resumes_at, host.alive
        host.threads.append(thread)
        self.hosts.append(thread)
        return thread

    # -- driving

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run ``main`` on the ground, and everything else, until it has ended."""
        outer = events._get_running_loop()
        events._set_running_loop(self)
        try:
            task = self.spawn(self.ground, main, name="main")
            while not task.done():
                self._turn()
            if self._stop is not None:
                raise self._stop
            return task.result()
        finally:
            events._set_running_loop(outer)

    def abort(self, error: BaseException) -> None:
        """Let ``run`` raise ``error`` instead of going on."""
        self._stop = self._stop or error

    def raise_if_aborted(self) -> None:
        """Raise what ``abort`` was told, if it was."""
        if self._stop is not None:
            raise self._stop

    def close(self) -> None:
        """Drop all tasks, of the living and of the dead; nothing that this makes them do is heard."""
        self._over = True
        for host in self.hosts:
            for task in list(host.tasks.values()):
                cast("SimTask[Any]", task).forget()
            host.tasks.clear()
            host.ready.clear()
        self._timers.clear()

    def _turn(self) -> None:
        if self._stop is not None:
            raise self._stop
        awake = [h for h in self.hosts if h.ready and h.resumes_at <= self.now_us]
        if not awake:
            self._jump()
            return
        self._hot += 1
        if self._hot > _HOT:
            raise Livelock(f"{_HOT} callbacks at {self.now_us} µs; next: {awake[0].ready[0]!r}")
        host = awake[int(self.rng.random() * len(awake))] if len(awake) > 1 else awake[0]
        handle = host.ready.popleft()
        if not handle.gone:
            self.turns += 1
            self._note(handle)
            try:
                handle.context.run(handle.callback, *handle.args)
            except Exception as error:
                self.call_exception_handler({"message": "a callback failed", "exception": error})

    def _note(self, handle: SimHandle) -> None:
        name = getattr(handle.callback, "__qualname__", type(handle.callback).__name__)
        self.trace = zlib.crc32(f"{handle.host} {self.now_us} {name}".encode(), self.trace)

    def _jump(self) -> None:
        """Go to the next moment at which something is due, and make ready what is due then."""
        while self._timers and self._idle(self._timers[0][2]):
            heapq.heappop(self._timers)
        moments = [host.resumes_at for host in self.hosts if host.ready]
        if self._timers:
            moments.append(self._timers[0][0])
        if not moments:
            raise Deadlock(f"nothing is ready, nothing is due: all wait since {self.now_us / SECOND:.6f} s")
        if min(moments) > self.now_us:
            self.now_us = min(moments)
            self._hot = 0
        while self._timers and self._timers[0][0] <= self.now_us:
            handle = heapq.heappop(self._timers)[2]
            if not self._idle(handle):
                handle.host.ready.append(handle)

    def _idle(self, handle: SimHandle) -> bool:
        return handle.gone or not handle.host.alive

    # -- what asyncio asks of a loop

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _handle(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
        due_us: int,
    ) -> SimHandle:
        context = contextvars.copy_context() if context is None else context
        host = context.get(_host) or self.ground
        return SimHandle(callback, args, context, host, due_us)

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> SimHandle:
        handle = self._handle(callback, args, context, self.now_us)
        if handle.host.alive and not self._over:
            handle.host.ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> SimHandle:
        context = contextvars.copy_context() if context is None else context
        context.run(_host.set, self.here)
        if self.thread_lag:
            return self.call_later(self.thread_lag / SECOND, callback, *args, context=context)
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> SimHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> SimHandle:
        due_us = round(when * SECOND)
        if self.lateness and due_us > self.now_us:
            due_us += int(self.rng.random() * self.lateness)
        handle = self._handle(callback, args, context, due_us)
        if handle.host.alive and not self._over:
            heapq.heappush(self._timers, (max(due_us, self.now_us), self._number(), handle))
        return handle

    def time(self) -> float:
        return self.now_us / SECOND

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: object = None, context: contextvars.Context | None = None, **_: Any
    ) -> asyncio.Task[Any]:
        number = self._number()
        context = contextvars.copy_context() if context is None else context
        text = f"task-{number}" if name is None else str(name)
        host = context.get(_host) or self.ground
        if getattr(coro, "__qualname__", "") in self.APART:
            host = self._thread_of(host)
            context.run(_host.set, host)
        task: SimTask[Any] = SimTask(coro, number=number, loop=self, name=text, context=context)
        host.tasks[number] = task
        task.add_done_callback(functools.partial(self._ended, host), context=context)
        return task

    def _ended(self, host: Host, task: asyncio.Task[Any]) -> None:
        host.tasks.pop(hash(task), None)
        # A service that dies takes its program's work with it, and nobody may ask it how it ended.
        if task.get_name().startswith("dalsegno") and not task.cancelled() and task.exception():
            self.faults.append(f"{host}: {task.get_name()} died of {task.exception()!r}")

    def run_in_executor(self, executor: object, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run ``func`` on this very thread, a seeded moment later."""
        answer: asyncio.Future[T] = self.create_future()

        def work() -> None:
            if answer.done():  # whoever asked was cancelled
                return
            try:
                value = func(*args)
            except BaseException as error:
                answer.set_exception(error)
            else:
                answer.set_result(value)

        self.call_later(self.rng.random() / 1_000, work)
        return answer

    def is_running(self) -> bool:
        return events._get_running_loop() is self

    def is_closed(self) -> bool:
        return self._over

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        return None

    async def shutdown_asyncgens(self) -> None:
        return None

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._over:
            self.faults.append(f"{self.here}: {context.get('message')}: {context.get('exception')!r}")

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.default_exception_handler(context)


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise RuntimeError(f"{name}() reaches outside the simulation, where everything happens in one thread")

    return refuse


for _name in vars(asyncio.AbstractEventLoop):
    if not _name.startswith("_") and _name not in vars(SimLoop):
        setattr(SimLoop, _name, _refusal(_name))


def make_sim_loop(seed: int | str) -> SimLoop:
    """Make a loop; the methods that checkers miss in it are the refusals, attached above."""
    concrete: Callable[[int | str], SimLoop] = cast("Any", SimLoop)
    return concrete(seed)
