"""``explore`` plays an event with the services that react, and finds what is planted in them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from dalsegno import Circuit, Retry, Service
from dalsegno.errors import DalsegnoError
from dalsegno.testing import Exploration, Play, explore, rehearse
from examples import choreography
from tests.helpers.counts import Count
from tests.testing import choreographed as c
from tests.testing.choreographed import Declined, Paid, Placed, Rejected, Released, Reserved, Shipped

EXAMPLE = (
    choreography.payment,
    choreography.inventory,
    choreography.shipping,
    choreography.orders,
    choreography.notification,
)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choreography, "print", lambda *_: None, raising=False)


def sound(found: Exploration) -> None:
    """See that nothing was found, and that every pass has played."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found.assert_ok()
    played = {each.name: each.plays for each in found.passes}
    assert played.pop("hash seeds") in (0, 3)
    assert min(played.values()) > 0
    assert played["crashes"] > 2 * found.points


@pytest.mark.parametrize("city", ["Milan", pytest.param("Atlantis", marks=pytest.mark.slow)])
def test_the_order_process_has_no_finding_from_its_starting_event(city: str, count: Count) -> None:
    placed = choreography.OrderPlaced("1", Decimal(20), city=city)
    found = explore(placed, services=EXAMPLE, pairs=5)
    sound(found)
    count("plays of explored services", found.plays)


def once_or_undone(play: Play) -> None:
    """What an order keeps: charged and shipped once, or neither and nothing is reserved."""
    assert len(play.events(Shipped)) + len(play.events(Rejected)) == 1
    assert play.dead_letters() == []
    if play.events(Shipped):
        assert [len(play.effects(f"{what}")) for what in ("bank.charge", "courier.ship")] == [1, 1]
        assert play.state(c.ledger, "o-1") == c.Totals(1)
    else:
        assert len(play.effects("stock.release")) == len(play.effects("stock.reserve")) == 1
        assert play.events(Released) == [Released(each.order) for each in play.events(Declined)]
        assert play.state(c.ledger, "o-1") is None


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(None, id="of itself", marks=pytest.mark.slow),
        pytest.param(once_or_undone, id="by a check"),
    ],
)
def test_far_sides_a_join_and_a_state_survive_every_crash_and_every_failing_handler(
    check: Callable[[Play], None] | None, count: Count
) -> None:
    found = explore(Placed("o-1"), services=c.SOUND, check=check, error=c.CardDeclined(), pairs=5)
    sound(found)
    count("plays of explored services", found.plays)


def brings_back(play: Play) -> None:
    """Do what a broker does: whatever is published comes as an event."""
    play.emit(Placed("o-1"))
    play.sleep("1m")
    for published in play.effects("broker.publish"):
        play.emit(Paid(published.args[0]))


class Planted(NamedTuple):
    """A mistake: what is explored, and how it is told, with which plan."""

    subject: Any
    services: Iterable[Service]
    told: str
    plan: str
    passes: Sequence[str] = ("crashes",)
    error: Exception | None = None


PLANTED = {
    "a missing compensating handler": Planted(
        Placed("o-1"),
        (c.payments, c.forgetful, c.shipping),
        r"owed: case shop-o-1 ends with .*Shipped \| .*Rejected, and has come to .*Declined",
        r"\d+[rt]",
        ["failing steps"],
        c.CardDeclined(),
    ),
    "an event emitted by a path of its own": Planted(
        brings_back,
        (c.chatty,),
        "another end: .*Paid o-1 is 2 times on the log, without faults once",
        r"\d+a",
    ),
    "dice in a stacked workflow": Planted(
        Placed("o-1"),
        (c.packing,),
        r"not deterministic: random.random\(\) at .*choreographed.py:\d+",
        "clean",
    ),
    "the order of a set in a stacked workflow": Planted(
        Placed("o-1"),
        (c.sorting,),
        r"not deterministic: replay of sorting.sort#1 under hash seed \d, .*choreographed.py:\d+",
        r"h\d",
        ["hash seeds"],
    ),
    "a stacked saga that leaves something standing": Planted(
        Placed("o-1"), (c.sagas,), "not undone: .*book_without_undo stands", r"\d+[rt]", ["failing steps"]
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found_with_a_plan_that_repeats_it(name: str, count: Count) -> None:
    planted = PLANTED[name]

    def explored(plan: str | None = None) -> Exploration:
        found: Exploration = explore(
            planted.subject,
            services=planted.services,
            error=planted.error,
            passes=planted.passes,
            pairs=0,
            plan=plan,
        )
        return found

    found = explored()
    finding = found.failures[0]
    assert re.search(planted.told, f"{finding.kind}: {finding.what}"), str(found)
    assert re.fullmatch(planted.plan, str(finding.plan))
    assert f"DALSEGNO_CRASH_PLAN={finding.plan} " in str(found) or f"--crash-plan={finding.plan}" in str(
        found
    )
    again = explored(str(finding.plan)).failures
    assert (finding.plan, finding.kind, finding.what) in [(each.plan, each.kind, each.what) for each in again]
    count("planted mistakes found by explore", 1, of=1)


def test_a_double_charge_without_a_key_is_a_warning_and_a_check_makes_it_a_failure(count: Count) -> None:
    def charged_once(play: Play) -> None:
        assert len(play.effects("bank.charge")) == 1, "charged twice"

    found = explore(Placed("o-1"), services=[c.careless], passes=["crashes"])
    assert found.ok
    [warned] = found.warnings
    assert warned.what.startswith("bank.charge in handler charge_without_a_key happened 2 times")
    [failed, *_] = explore(
        Placed("o-1"), services=[c.careless], check=charged_once, passes=["crashes"]
    ).failures
    assert (failed.kind, failed.what) == ("check", "charged twice")
    [again] = explore(
        Placed("o-1"), services=[c.careless], check=charged_once, plan=str(failed.plan)
    ).failures
    assert again.what == failed.what
    quiet = explore(Placed("o-1"), services=[c.careless], passes=["crashes"], may_repeat=["bank.charge"])
    assert quiet.warnings == []
    count("planted mistakes found by explore", 1, of=1)


def test_every_commit_and_every_call_of_a_handler_is_a_point() -> None:
    points: list[str] = []

    def noted(play: Play) -> None:
        points[:] = map(str, play._stage.script.points)

    explore(Placed("o-1"), services=c.SOUND, check=noted, passes=[])
    for wanted in (
        "emit of .*Placed o-1",
        "handler payments.charge of .*Placed o-1",
        "call bank.charge",
        "payments.charge of .*Placed o-1 is done, .*emits .*Paid o-1",
        "handler inventory.reserve of .*",
        "shipping.ship of .* joins",
        "claim",
        "handler shipping.ship of .*",
        r"commit of shipping.ship#\d+: .*emits .*Shipped o-1",
        "ledger.count of .*Paid o-1 is done",
    ):
        assert any(re.fullmatch(f"{wanted}.*", point) for point in points), (wanted, points)


def test_a_handler_that_fails_for_good_is_redriven_and_a_crash_meets_its_dead_letter() -> None:
    stories: list[list[str]] = []

    def noted(play: Play) -> None:
        stories.append([str(point) for point in play._stage.script.points])

    explore(Placed("o-1"), services=[c.payments], check=noted, passes=["failing steps"], pairs=0)
    dead = [story for story in stories if any("dead letter" in point for point in story)]
    assert dead
    assert all(any("redrive" in point or "retry of" in point for point in story) for story in dead)


def test_a_dead_letter_that_the_clean_play_had_not_is_a_failure_whatever_the_check_says() -> None:
    shaky, calls = Service("shaky"), []

    @shaky.on(attempts=1)
    def pay(e: Placed) -> Paid:
        calls.append(e)
        if len(calls) % 2 == 0:
            raise OSError("again?")
        return Paid(e.order)

    def anew(play: Play) -> None:
        calls.clear()
        play.emit(Placed("o-1"))

    found = explore(anew, services=[shaky], check=lambda _: True, passes=["crashes"])
    assert any(
        each.kind == "dead letter" and "shaky.pay of" in each.what and "again?" in each.what
        for each in found.failures
    )


def test_a_handler_with_a_circuit_and_attempts_without_end_comes_to_rest() -> None:
    patient = Service("patient")

    @patient.on(circuit=Circuit(failures=2), retry=Retry(attempts=None))
    async def pay(e: Placed) -> Paid:
        return Paid(e.order)

    found = explore(Placed("o-1"), services=[patient], passes=["failing steps"], pairs=0)
    found.assert_ok()
    assert [each.plays for each in found.passes if each.name == "failing steps"] == [2]


def test_a_case_that_does_not_end_is_found_in_the_clean_play() -> None:
    [found] = explore(Placed("o-1"), services=(c.forgetful, c.shipping)).failures
    assert (str(found.plan), found.kind) == ("clean", "owed")


def test_a_play_emits_and_reads_the_log_states_and_dead_letters() -> None:
    broken, mended = Service("broken"), []

    @broken.on(attempts=1)
    def pay(e: Placed) -> Paid:
        if not mended:
            raise OSError("no line")
        return Paid(e.order)

    with rehearse(broken, c.inventory, c.shipping, c.ledger) as play:
        [number] = play.emit(Placed("a"))
        play.emit(Placed("b"), id="mine")
        assert play.emit(Placed("b"), id="mine") == [2]
        play.sleep("1s")
        assert play.events(Placed) == [Placed("a"), Placed("b")]
        assert play.events(Reserved, key="a") == [Reserved("a")]
        assert {(each.type.rpartition(".")[2], each.cause) for each in play.events(key="a")} == {
            ("Placed", None),
            ("Reserved", number),
        }
        assert play.events(Paid) == []
        letters = play.dead_letters()
        assert [(each.handler, each.key) for each in letters] == [("pay", "b"), ("pay", "a")]
        mended.append(True)
        for letter in reversed(letters):
            play.redrive(letter.number)
        play.sleep("1m")
        assert play.dead_letters() == []
        assert play.events(Shipped, key="a") == [Shipped("a")]
        assert play.state(c.ledger, "a") == c.Totals(1)
        assert play.state(c.ledger, "nobody") is None


def test_what_cannot_be_explored_is_refused_in_a_sentence() -> None:
    wrong: Any = c.bank
    with pytest.raises(TypeError, match=r"services= was given .*bank"):
        explore(Placed("o-1"), services=[wrong])
    with pytest.raises(TypeError, match="an event has no input"):
        explore(Placed("o-1"), 5, services=c.SOUND)  # type: ignore[call-overload]
    nothing: Any = object()
    with pytest.raises(TypeError, match="takes a workflow and its input, an event, or a scenario"):
        explore(nothing, services=c.SOUND)
    with pytest.raises(DalsegnoError):
        explore(Placed("o-1"), services=[c.payments, Service("payments")])
