"""What the simulation found: for each finding the smallest scenario that shows it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from dalsegno.core.commit import Beat, Claim, Commit, EndSession, Release, Start
from dalsegno.core.entries import Delivery, Kind, Outcome
from dalsegno.core.execution import Execution
from dalsegno.core.limits import Limits
from dalsegno.core.runs import KILLS_ITS_WORKER, Run, Status
from dalsegno.engine.live import LiveRun
from dalsegno.errors import RunEnded, StoreUnreachable
from dalsegno.testing.faults import Exactly, Fault, Moment
from dalsegno.testing.simloop import Host
from dalsegno.testing.world import World
from tests.simulation import workflows
from tests.simulation.playing import play

SEEDS = range(20)
ROW = Run(1, "default", "run", "mailbox", "1", Status.RUNNING)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_step_that_answered_while_its_siblings_failure_was_written_is_settled_once(seed: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.buy_at_once, workflows.Order("o", fails_at=1), id="run")

    world = play(scenario, seed)
    assert world.outcome["run"][:2] == ("failed", "compensated")


def test_a_run_goes_on_after_a_task_group_lost_a_member() -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.grouped, 3, id="run")

    assert play(scenario).outcome["run"] == ("completed", None, b'"1 declined, then 42"')


def test_a_child_that_its_parent_gave_up_on_in_its_last_turn_is_cancelled() -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.impatient_parent, 3, id="run")

    assert play(scenario).outcome["run.2"][0] == "cancelled"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_detached_child_of_the_last_turn_starts_though_a_signal_comes_at_that_moment(seed: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.parting, 3, id="run")
        with contextlib.suppress(RunEnded):
            for number in range(30):
                await world.signal("run", workflows.Decision(f"{number}"))

    assert play(scenario, seed).outcome["parting-3"][0] == "completed"


@pytest.mark.parametrize("crash", range(3, 12))
def test_a_child_is_cancelled_with_its_parent_though_the_worker_died_on_the_way(crash: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.failing_parent, 3, id="run")

    world = play(scenario, plan={crash: Fault.AFTER}, lease=200_000)
    assert {name: end[0] for name, end in world.outcome.items()} == {"run": "failed", "run.1": "cancelled"}


@pytest.mark.parametrize("write", range(4, 9))
def test_an_attempt_waits_until_the_failure_before_it_is_written(write: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.buy_at_once, workflows.Order("o", fails_at=2), id="run")

    world = play(scenario, plan={write: Fault.LATE})
    assert world.outcome["run"][:2] == ("failed", "compensated")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_person_may_order_a_retry_twice(seed: int) -> None:
    async def scenario(world: World) -> None:
        workflows.MENDED.clear()
        await world.start(workflows.buy_stubbornly, workflows.Order("o", fails_at=3), id="run")
        await world.until(lambda: world.ends()["run"][1] == "parked: compensation failed", "it is parked")
        await world.retry("run")
        await world.retry("run")

    assert play(scenario, seed).outcome["run"][1] == "parked: compensation failed"


def test_a_read_of_the_inbox_that_is_older_than_a_commit_brings_no_signal_back() -> None:
    live = LiveRun(ROW, workflows.mailbox, Execution(1, "run", is_async=False, limits=Limits()))
    stale = (Delivery(1, Kind.SIGNAL, "Decision"), Delivery(2, Kind.SIGNAL, "Decision"))
    live.hear(stale)
    live.took([1])
    live.hear(stale)
    assert list(live.inbox) == [2]


def test_a_read_of_the_inbox_that_is_older_than_another_takes_no_signal_away() -> None:
    live = LiveRun(ROW, workflows.mailbox, Execution(1, "run", is_async=False, limits=Limits()))
    live.hear((Delivery(1, Kind.SIGNAL, "Decision"), Delivery(2, Kind.SIGNAL, "Decision")))
    live.hear((Delivery(1, Kind.SIGNAL, "Decision"),))
    assert (list(live.inbox), live.wakes) == ([1, 2], 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_signal_is_taken_once_though_inboxes_are_read_slowly(seed: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.mailbox, 6, id="run")
        for number in range(6):
            await world.signal("run", workflows.Decision(f"{number}"))

    assert play(scenario, seed, latency=60_000).outcome["run"][2] == b'["0","1","2","3","4","5"]'


def test_a_run_ends_though_the_id_of_its_last_detached_child_is_taken() -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.parting, 3, id="first")
        await world.settle()
        await world.start(workflows.parting, 3, id="second")

    world = play(scenario)
    assert world.outcome["second"][0] == "completed"
    journal = world.journal("second")
    assert (journal[-1].kind, journal[-1].outcome) == (Kind.CHILD, Outcome.ERROR)


def test_a_worker_that_ends_does_not_spin_while_a_retry_is_due_and_a_step_is_under_way() -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.retry_beside_a_long_step, 3, id="run")
        await world.sleep(0.3)
        await world.stop("worker1")

    assert play(scenario).loop.turns < 5_000


class SlowLoads(Exactly):
    """The first worker reads journals slowly."""

    def read(self, host: Host, name: str) -> Fault | None:
        return Fault.SLOW if (host.name, name) == ("worker1", "load") else None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_worker_that_is_fenced_while_it_reads_a_journal_begins_no_step(seed: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.buy_and_wait, workflows.Order("o"), id="long")
        await world.until_waiting("long")
        world.pause("worker2", 0.2)
        await asyncio.gather(
            world.signal("long", workflows.Decision("her")),
            world.start(workflows.sequence_async, 3, id="new"),
        )
        await world.sleep(0.1)
        world.pause("worker1", 0.5)
        await world.sleep(3)

    play(scenario, seed, plan=SlowLoads(), workers=2, lease=200_000, cache=0)


class Outage(Exactly):
    """The reply to the first write of a kind is lost, and then the store answers no write for long."""

    def __init__(self, kind: type, seconds: float) -> None:
        super().__init__()
        self.kind = kind
        self.seconds = seconds
        self.until: float | None = None

    def write(self, moment: Moment) -> Fault | None:
        now = asyncio.get_running_loop().time()
        if self.until is None and any(isinstance(item, self.kind) for item in moment.group):
            self.until = now + self.seconds
            return Fault.LATE
        return Fault.UNREACHABLE if self.until is not None and now < self.until else None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_whose_claim_was_not_heard_of_in_an_outage_is_not_forgotten(seed: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.sequence, 3, id="run")

    assert play(scenario, seed, plan=Outage(Claim, 8)).outcome["run"][0] == "completed"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_goes_on_though_whoever_started_it_was_told_that_the_store_does_not_answer(seed: int) -> None:
    async def scenario(world: World) -> None:
        await world.sleep(0.2)
        life = world.lives["worker1"]
        with pytest.raises(StoreUnreachable):
            await (await life.client).start(workflows.sequence, 3, id="run")

    world = play(scenario, seed, plan=Outage(Start, 8), embedded=True, lease=20_000_000)
    assert world.outcome["run"][0] == "completed"


@pytest.mark.parametrize("write", range(2, 12))
def test_a_signal_without_an_id_comes_once_though_its_reply_was_lost(write: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.mailbox, 2, id="run")
        for number in range(2):
            assert await world.signal("run", workflows.Decision(f"{number}"))

    assert play(scenario, plan={write: Fault.LATE}).outcome["run"] == ("completed", None, b'["0","1"]')


class LostFrom(Exactly):
    """The first worker's commits do not reach the store until it was fenced, and nobody hands on its runs."""

    def __init__(self) -> None:
        super().__init__()
        self.fenced = False
        self.calm = False

    def write(self, moment: Moment) -> Fault | None:
        self.fenced = self.fenced or any(isinstance(item, EndSession) for item in moment.group)
        kinds = {type(item) for item in moment.group}
        unheard = moment.host.name == "worker1" and not kinds.isdisjoint({Commit, Beat}) and not self.fenced
        return Fault.UNREACHABLE if unheard or (Release in kinds and not self.calm) else None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_commit_that_could_not_be_written_is_not_written_after_its_session_was_fenced(seed: int) -> None:
    plan = LostFrom()

    async def scenario(world: World) -> None:
        world.pause("worker2", 0.1)
        await world.start(workflows.sequence, 5, id="run")
        await world.sleep(3)
        plan.calm = True

    play(scenario, seed, plan=plan, workers=2, lease=300_000)


class SetBack(Exactly):
    """The wall clock is set back by a minute while a fired timer is on its way to the store."""

    world: World

    def write(self, moment: Moment) -> Fault | None:
        commits = (item for item in moment.group if isinstance(item, Commit))
        if any(entry.kind is Kind.TIMER for item in commits for entry in item.entries):
            self.world.set_clock_back(60_000_000)
        return None


def test_no_timer_is_early_though_the_clock_is_set_back_while_it_is_written() -> None:
    plan = SetBack()

    async def scenario(world: World) -> None:
        plan.world = world
        await world.start(workflows.naps, 3, id="run")

    assert play(scenario, plan=plan).outcome["run"] == ("completed", None, b"true")


class SlowInboxes(Exactly):
    """Every second look at an inbox takes long."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def read(self, host: Host, name: str) -> Fault | None:
        self.looks += name == "inbox"
        return Fault.SLOW if name == "inbox" and self.looks % 2 == 0 else None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_rests_before_a_look_at_its_inbox_is_over_is_not_touched_by_it(seed: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.mailbox, 6, id="run")
        for number in range(6):
            await world.signal("run", workflows.Decision(f"{number}"))
            await world.sleep(0.04 if number % 2 == 0 else 4)

    world = play(scenario, seed, plan=SlowInboxes(), latency=30_000, lease=20_000_000)
    assert world.outcome["run"][2] == b'["0","1","2","3","4","5"]'


def test_a_run_that_was_parked_for_killing_its_worker_may_be_cancelled_and_kills_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(world: World) -> None:
        monkeypatch.setattr(workflows, "KILL", [lambda: world.kill(world.loop.here)])
        await world.start(workflows.poison, 3, id="run")
        await world.settle()
        row = world.row("run")
        assert row is not None and row.reason == KILLS_ITS_WORKER
        died.append(world.crashes)
        await world.cancel("run")

    died: list[int] = []
    world = play(scenario, limits=Limits(crashes=2))
    assert world.outcome["run"][0] == "cancelled"
    assert died == [world.crashes] == [3]
