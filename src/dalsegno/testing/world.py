"""A simulated machine room: one store, workers that crash, stall and come back, and a client.

Everything runs on one ``SimLoop``, so a seed says all that will happen. A *scenario* is an ``async``
function that gets the world and does what a program would: start runs, signal them, wait. When it
has ended, the faults stop, everything is given time to end, and what must hold at rest is checked.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from dalsegno.app import AppOptions, Runtime
from dalsegno.client import AsyncClient
from dalsegno.core import failure
from dalsegno.core.clock import nap
from dalsegno.core.codec import shape_of
from dalsegno.core.commit import EndSession
from dalsegno.core.entries import Delivery, Entry
from dalsegno.core.ids import Numbers, seeded
from dalsegno.core.runs import Run, Status
from dalsegno.engine.definitions import Workflow
from dalsegno.engine.engine import Engine
from dalsegno.engine.registry import Registry
from dalsegno.engine.runner import StepRunner
from dalsegno.errors import DalsegnoError, SessionFenced, StoreError
from dalsegno.events.known import Known
from dalsegno.store.memory import MemoryStore
from dalsegno.store.protocol import RunQuery, Store
from dalsegno.testing import atrest
from dalsegno.testing.appends import Appends
from dalsegno.testing.calm import Calm, behind, forget_cached, leftovers
from dalsegno.testing.effects import Effect, Ledger
from dalsegno.testing.endings import End, end_of, result_of
from dalsegno.testing.faults import Chances, Exactly, Outages, Plan, Seam, faulty
from dalsegno.testing.invariants import Broken, Invariants, peek
from dalsegno.testing.life import Life
from dalsegno.testing.linear import Call, Calls
from dalsegno.testing.rebuilt import Rebuilt
from dalsegno.testing.setting import Setting
from dalsegno.testing.simclock import SimClock, SimThreads
from dalsegno.testing.simloop import SECOND, Host, SimLoop, make_sim_loop
from dalsegno.testing.story import Story
from dalsegno.testing.undisturbed import as_it_was
from dalsegno.worker.worker import WorkerOptions

T = TypeVar("T")

Scenario = Callable[["World"], Awaitable[Any]]
Told = tuple[str, str, Any]
"""A call as its caller knows it: about which run, what was asked, and with what."""
_UNSURE = (StoreError, SessionFenced)  # what was asked for may have happened, or not


class Stuck(AssertionError):
    """The faults have stopped, time has passed, and something still has not come to rest."""


class World:
    """See the module. ``run`` plays one scenario in it; a world is used once.

    ``known`` says what the program of a process, by its name, knows of events and services.
    """

    def __init__(
        self,
        seed: int | str,
        registry: Registry,
        *,
        setting: Setting | None = None,
        plan: Plan | None = None,
        store: Callable[[SimClock], Store] = MemoryStore,
        known: Callable[[str], Known] | None = None,
    ) -> None:
        self.seed = seed
        self.registry = _copy(registry)  # with all reactions; a process has those of its own services
        self._defined = registry
        self._known = known
        self.setting = setting or Setting()
        self.plan: Plan = plan or Exactly()
        self.loop: SimLoop = make_sim_loop(seed)
        self.loop.lateness = self.setting.lateness
        self.rng = seeded("world", seed)
        self.clock = SimClock(self.loop)
        self.store = store(self.clock)
        self.story = Story()
        self.calls = Calls()
        self.ledger = Ledger(self.clock.now, lambda: str(self.loop.here))
        self.invariants = Invariants(self.store, self, self.setting.limits, broken=self.loop.abort)
        self.invariants.on_end = self._run_ended
        self.appends = Appends(self.invariants.breach)
        self.rebuilt = Rebuilt(self.invariants.breach, self.registry, self.invariants.shadows)
        self.invariants.after = self._after_write
        self.ledger.heard = self.invariants.heard
        self.seam = Seam(
            self.loop,
            self.store,
            self.plan,
            self.invariants,
            self.appends,
            latency=self.setting.latency,
            on_crash=self.kill,
            on_freeze=self._freeze,
            tell=self.tell,
        )
        self.lives: dict[str, Life] = {}
        self.outcome: dict[str, End] = {}
        self.crashes = 0
        self.set_back = 0
        self._all_lives: dict[str, Life] = {}
        self._ground = contextvars.copy_context()

    # -- playing

    def run(self, scenario: Scenario) -> dict[str, End]:
        """Play a scenario, come to rest, check all that must hold; return how each run ended."""
        with as_it_was():
            return self._run(scenario)

    def _run(self, scenario: Scenario) -> dict[str, End]:
        try:
            with self.ledger.open():
                self._ground = contextvars.copy_context()
                self.loop.run(self._play(scenario))
            atrest.check(self.invariants.shadows, self.registry, self.ledger, self.clock.now(), self._inbox)
            self.invariants.reacting.at_rest(self.invariants.chronicle.events)
            self.appends.check(self.invariants.shadows)
            self.calls.check()
            if self.setting.rebuild:
                self.rebuilt.interleave(self.rng)
            self.check_loop()
            self.loop.raise_if_aborted()
            self.outcome = self.ends()
            return self.outcome
        except AssertionError as error:
            error.add_note(self.report())
            raise
        finally:
            self.close()

    async def _play(self, scenario: Scenario) -> None:
        await self.store.open()
        if not self.setting.embedded:
            self._begin("client")
        for number in range(1, self.setting.workers + 1):
            self._begin(f"worker{number}")
        await scenario(self)
        await self.settle()

    def close(self) -> None:
        """Let go of everything, of the dead too."""
        self.ledger.heard = None
        self.loop.close()
        for life in self._all_lives.values():
            life.runtime.engine.drop_all()
        peek(self.store.close())

    def tell(self, line: str) -> None:
        """Add a line to the story that a report tells."""
        self.story.tell(str(self.loop.here), f"{self.loop.now_us / SECOND:10.6f} {line}")

    def report(self) -> str:
        """Tell what led here."""
        rows = [
            f"{r.id}: {r.status} ({r.reason}), {r.session}, turn {r.turn}, due {r.due_at}"
            for r in (shadow.run for _, shadow in sorted(self.invariants.shadows.items()))
        ]
        head = f"seed {self.seed!r}, {self.setting}, faults {self.plan!r}, {self.seam.writes} writes"
        return "\n".join([head, *self.story.lines(), *rows])

    def take_as_given(self, past: Sequence[Effect] = ()) -> None:
        """Begin with what the store holds already, and the effects before: a scenario that goes on says so."""
        self.invariants.take_as_given(past)
        for number, shadow in self.invariants.shadows.items():
            self.appends.given(number, shadow.entries)
            self.calls.given(shadow.run.id)

    # -- processes

    def _begin(self, name: str) -> None:
        """Start a process of this name."""
        host = self.loop.host(name)
        worker = name != "client"
        rng = seeded("host", self.seed, str(host))
        skew = int((rng.random() - 0.5) * 2 * self.setting.skew)
        clock = SimClock(self.loop, skew=skew, store=self.clock)
        threads = SimThreads(self.loop, f"{self.seed} {host}")
        runtime = Runtime(
            faulty(self.seam, host),
            _copy(self._defined),
            self._options(),
            known=None if self._known is None else self._known(name),
            worker=worker,
            clock=clock,
            spawner=threads,
            runner=self._runner(host, threads),
            numbers=Numbers(clock.now, rng),
        )
        self.registry.add(runtime.reacting.workflows)
        life = self.lives[name] = self._all_lives[str(host)] = Life(host, runtime)
        self.tell(f"{host} begins")
        life.opening = self._on(host, self._open(life))

    def _runner(self, host: Host, threads: SimThreads) -> StepRunner:
        """Make what a process runs its steps by; a world that looks into steps makes another."""
        return StepRunner(threads)

    async def _open(self, life: Life) -> None:
        try:
            client = await life.runtime.open()
        except StoreError:  # the program ends, and whoever watches it starts it again
            self.kill(life.host)
        else:
            life.client.set_result(client)

    def _options(self) -> AppOptions:
        setting = self.setting
        worker = WorkerOptions(slots=setting.slots, lease=setting.lease, grace=SECOND, threaded=False)
        return AppOptions(limits=setting.limits, worker=worker, cache=setting.cache)

    def _on(self, host: Host, coro: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Have a process do something; the answer never comes if it dies on the way."""
        return self._ground.copy().run(self.loop.spawn, host, coro)

    async def _unless_it_dies(self, life: Life, coro: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Have a process do something, and wait until it is done or the process is dead."""
        doing = self._on(life.host, coro)
        waited: list[asyncio.Future[Any]] = [doing, life.died]
        patience = self.setting.patience / SECOND
        done, _ = await asyncio.wait(waited, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise Stuck(f"{life.host} did not answer for {patience:.0f} s: {doing!r}")
        return doing

    def engine_of(self, host: str) -> Engine:
        """Return the engine of a process, dead or alive."""
        return self._all_lives[host].runtime.engine

    def engines(self) -> Iterator[Engine]:
        """Yield the engines of all processes that are alive."""
        return (life.runtime.engine for life in self.lives.values() if life.host.alive)

    def just_woke(self, host: str) -> bool:
        """Tell whether a process has stood still until this very moment."""
        return self._all_lives[host].host.resumes_at == self.loop.now_us

    def kill(self, host: Host) -> None:
        """End a process as ``kill -9`` does; another one of its name is started before long."""
        if host.alive:
            self.crashes += 1
            self.tell(f"{host} is killed")
            life = self._all_lives[str(host)]
            self._drop(life)
            life.burial = self._on(self.loop.ground, self._bury(host))

    def _drop(self, life: Life) -> None:
        self.loop.kill(life.host)
        life.died.set_result(None)

    async def _bury(self, host: Host) -> None:
        await nap(self.rng.random() * self.setting.rebirth / SECOND)
        self._begin(host.name)

    def pause(self, name: str, seconds: float) -> None:
        """Let a process stand still, as SIGSTOP does."""
        self.tell(f"{self.lives[name].host} stands still for {seconds} s")
        self.loop.pause(self.lives[name].host, round(seconds * SECOND))

    def _freeze(self, host: Host) -> None:
        """Let a process stand still until its lease is over for long."""
        self.pause(host.name, (1.5 + 2 * self.rng.random()) * self.setting.lease / SECOND)

    def evict(self, name: str) -> None:
        """Have a process forget the waiting runs that it keeps in memory."""
        self.tell(f"{self.lives[name].host} forgets what it kept in memory")
        forget_cached(self.engine_of(str(self.lives[name].host)))

    def down(self, *, answers: bool) -> None:
        """Have the store answer nobody, or everybody again."""
        self.tell("the store answers again" if answers else "the store answers nobody")
        if isinstance(self.plan, Outages):
            self.plan.down = not answers

    def cut(self, name: str, seconds: float) -> None:
        """Let nothing that a process writes reach the store for a while; it can still read."""
        self.tell(f"the writes of {name} do not reach the store for {seconds} s")
        if isinstance(self.plan, Outages):
            self.plan.cut.add(name)
            self.loop.call_later(seconds, self.plan.cut.discard, name)

    def set_clock_back(self, microseconds: int) -> None:
        """Set everybody's wall clock back."""
        self.tell(f"the wall clock is set back by {microseconds / SECOND} s")
        self.set_back += microseconds
        self.clock.travel(-microseconds)

    def misjudge(self, name: str) -> None:
        """Have a worker fenced that is alive, as one whose lease ran out too early."""
        session = self.lives[name].runtime.engine.session
        if session:
            self.tell(f"session {session} of {self.lives[name].host} is judged dead")
            self.invariants.ownership.misjudged.add(session)
            group = [EndSession(session)]
            self.invariants.wrote(group, None, peek(self.store.write(group)))

    async def stop(self, name: str) -> None:
        """End a process in order, as SIGTERM does, and start another one of its name."""
        life = self.lives[name]
        if not (life.host.alive and life.client.done()):
            return
        self.tell(f"{life.host} is asked to end")
        ended = await self._unless_it_dies(life, life.runtime.close())
        if ended.done():
            ended.result()
            self.tell(f"{life.host} has ended")
            self._drop(life)
            self._begin(name)

    # -- what a program does

    async def start(self, workflow: Workflow[Any, Any], input: Any = None, *, id: str) -> str:
        """Start a run; a program whose process dies, or whose store fails, asks again."""
        _, digest = workflow.encode_input(input)
        told = (id, "start", (workflow.name, digest))
        await self.ask(lambda client: client.start(workflow, input, id=id), told)
        self.invariants.acknowledged.started(id, digest)
        return id

    async def signal(self, run_id: str, payload: Any, *, id: str | None = None) -> bool:
        """Signal a run; ask again as ``start`` does. A payload is to have one id, or be sent once."""
        told = (run_id, "signal", id) if id is not None else None
        accepted = await self.ask(lambda client: client.signal(run_id, payload, id=id), told)
        data = shape_of(type(payload)).encode(payload, "signal")
        self.invariants.acknowledged.signalled(run_id, data)
        return accepted

    async def cancel(self, run_id: str) -> bool:
        """Ask for a run to be cancelled; ask again as ``start`` does."""
        asked = await self.ask(lambda client: client.cancel(run_id), (run_id, "cancel", None))
        self.invariants.acknowledged.cancelled(run_id)
        return asked

    async def result(self, run_id: str) -> tuple[str, Any]:
        """Wait until a run has ended, and return how and with what; ask again as ``start`` does."""
        return await self.ask(lambda client: result_of(client, run_id), (run_id, "result", None))

    async def retry(self, run_id: str) -> bool:
        """Try a parked run again, as a person would; ask again as ``start`` does."""
        return await self.ask(lambda client: client.retry(run_id))

    async def ask(
        self, request: Callable[[AsyncClient], Coroutine[Any, Any, T]], told: Told | None = None
    ) -> T:
        """Have the client do something, again and again until it has answered.

        Each try that is ``told`` is a call whose answer must fit those of all others.
        """
        while True:
            life = self.lives["worker1" if self.setting.embedded else "client"]
            call = self.calls.begin(*told) if told is not None else None
            answer = await self._unless_it_dies(life, self._asked(life, request, call))
            if not answer.done():
                await self.sleep(self.setting.rebirth / SECOND)
                continue
            try:
                return answer.result()
            except _UNSURE as error:
                self.tell(f"the client was told: {error.what}")
                await self.sleep(0.1 * self.rng.random())

    async def _asked(
        self, life: Life, request: Callable[[AsyncClient], Coroutine[Any, Any, T]], call: Call | None
    ) -> T:
        client = await life.client
        try:
            answer = await request(client)
        except DalsegnoError as error:
            if call is not None and not isinstance(error, _UNSURE):
                self.calls.answered(call, type(error).__name__)
            raise
        if call is not None:
            self.calls.answered(call, True if call.what == "start" else answer)
        return answer

    def _after_write(self) -> None:
        if self.setting.rebuild and self.invariants.checks % self.setting.rebuild == 0:
            self.rebuilt.look(self.engines())

    def _run_ended(self, run: Run) -> None:
        value = None
        if run.status is Status.COMPLETED:
            output = self.registry.workflow(run.workflow, run.version).output
            value = output.decode(run.output or b"null", run.id)
        elif run.status is Status.FAILED:
            value = failure.decode(run.error or b"").message
        self.calls.run_ended(run.id, run.status.value, value)

    # -- time and rest

    async def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        await nap(seconds)

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds; raise ``Stuck`` if it never does."""
        ends = self.loop.now_us + self.setting.patience
        while not holds():
            self.check_loop()
            if self.loop.now_us > ends:
                left = "; ".join(self._leftovers())
                raise Stuck(f"P11: {what}: not within {self.setting.patience / SECOND:.0f} s; {left}")
            await self.sleep(0.02)

    def check_loop(self) -> None:
        """Raise what callbacks and services of dalsegno raised, which no program would ever see."""
        if self.loop.faults:
            raise Broken(f"something failed where nobody looked: {self.loop.faults}")

    async def until_waiting(self, run_id: str) -> None:
        """Wait until a run waits for somebody or has ended."""
        await self.until(lambda: self._waits(run_id), f"{run_id} comes to rest")

    async def settle(self) -> None:
        """Stop the faults, then let everything come to rest; time flies while all wait for timers."""
        if isinstance(self.plan, Chances):
            self.plan.calm = True
        if isinstance(self.plan, Outages):
            self.plan.cut.clear()
        for life in self.lives.values():
            for thread in life.host.threads:
                thread.resumes_at = min(thread.resumes_at, self.loop.now_us)
        calm = Calm()
        await self.until(lambda: self._rests(calm), "everything comes to rest")
        await self.until(lambda: not self._leftovers(), "everybody lets go")

    def _leftovers(self) -> list[str]:
        alive = [life for life in self.lives.values() if life.host.alive]
        engines = {str(life.host): life.runtime.engine for life in alive}
        services = len(self.invariants.reacting.services)
        return self._behind() + leftovers(engines, [life.host for life in alive], services)

    def _behind(self) -> list[str]:
        workers = (life.runtime for life in self.lives.values() if life.runtime.worker is not None)
        known = sorted({name for runtime in workers for name in runtime.known.services})
        return behind(self.invariants.reacting, self.invariants.chronicle.head.last, known)

    def row(self, run_id: str) -> Run | None:
        """Read a run as the store has it now."""
        return peek(self.store.find("default", run_id))

    def runs(self) -> list[Run]:
        """Read all runs, the oldest first."""
        return sorted(peek(self.store.runs(RunQuery(limit=1_000_000))), key=lambda run: run.number)

    def _inbox(self, number: int) -> Sequence[Delivery]:
        return peek(self.store.inbox([number]))[number]

    def journal(self, run_id: str) -> list[Entry]:
        """Give a run's journal as it was after the last write."""
        shadows = self.invariants.shadows.values()
        return next(shadow.entries for shadow in shadows if shadow.run.id == run_id)

    def ends(self) -> dict[str, End]:
        """Tell how each run ended, or what it waits for: what two plays of a scenario must agree on."""
        return {run.id: end_of(run) for run in sorted(self.runs(), key=lambda run: run.id)}

    def _waits(self, run_id: str) -> bool:
        run = self.row(run_id)
        return run is not None and run.session is None and run.turn > 0 and not self._due(run)

    def _rests(self, calm: Calm) -> bool:
        runs = [run for run in self.runs() if not run.status.ended]
        due = [run for run in runs if run.session is None and self._due(run)]
        calm.look(due, self.engines(), self.setting.slots, self.loop.now_us)
        if due or any(run.session is not None for run in runs):
            return False
        if self._behind():
            return False
        later = [run.due_at for run in runs if run.due_at is not None]
        if later:
            self._fly(min(later) - self.clock.now())
        return not later

    def _fly(self, microseconds: int) -> None:
        """Skip a wait, but for its last moment: that all the pollers may see it come."""
        if microseconds > SECOND:
            self.tell(f"the wall clock goes {microseconds / SECOND:.3f} s forward")
            self.clock.travel(microseconds - SECOND // 5)

    def _due(self, run: Run) -> bool:
        return run.due_at is not None and run.due_at <= self.clock.now()


def _copy(registry: Registry) -> Registry:
    copy = Registry()
    copy.add(registry.workflows.values())
    copy.add(registry.steps.values())
    return copy
