from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from dalsegno import Retry, saga, step, workflow
from dalsegno.errors import DefinitionError
from dalsegno.events.contract import Argument, Role
from dalsegno.events.declared import Maybe, Nothing, OneOf
from dalsegno.events.options import Circuit
from dalsegno.events.service import Service
from dalsegno.events.types import event, event_type
from dalsegno.events.ways import all_of


@event(key="order_id")
@dataclass
class Placed:
    order_id: str
    number: int = 0


@event(key="order_id")
@dataclass
class Paid:
    order_id: str


@event("Paid", version=2, key="order_id")
@dataclass
class PaidTwo:
    order_id: str


@event(key="order_id")
@dataclass
class Declined:
    order_id: str


@event
@dataclass
class Keyless:
    x: int


@dataclass
class Totals:
    count: int = 0


def service(**options: Any) -> Service:
    return Service("payments", **options)


def told(error: pytest.ExceptionInfo[DefinitionError]) -> str:
    return str(error.value)


def test_the_annotations_of_a_plain_function_are_its_declaration_and_it_stays_plain():
    payments = service()

    def authorize(e: Placed) -> Paid | Declined:
        return Paid(e.order_id)

    assert payments.on(attempts=5)(authorize) is authorize
    handler = payments.handlers["authorize"]
    assert handler.title == "payments.authorize"
    assert handler.takes == (event_type(Placed),)
    assert handler.follows == OneOf((event_type(Paid), event_type(Declined)))
    assert handler.contract.arguments == (Argument("e", Role.EVENT, (event_type(Placed),)),)
    assert handler.options.retry == Retry(attempts=5)
    assert (handler.workflow, handler.is_async, handler.compensates) == (None, False, None)
    assert handler.place == f"{__file__}:{authorize.__code__.co_firstlineno}"


def test_on_works_without_parentheses_and_over_async_code():
    payments = service()

    @payments.on
    def first(e: Placed) -> None: ...

    @payments.on
    async def second(e: Placed | Paid) -> Paid | None: ...

    assert list(payments.handlers) == ["first", "second"]
    assert payments.handlers["first"].follows == Nothing()
    assert payments.handlers["second"].follows == Maybe(OneOf((event_type(Paid),)))
    assert payments.handlers["second"].is_async
    assert payments.types == (event_type(Placed), event_type(Paid))


def test_a_handler_stacked_over_a_workflow_or_saga_keeps_it_as_it_was():
    payments = service()

    @payments.on(ordered=True)
    @saga
    def settle(e: Placed) -> Paid: ...

    @payments.on(name="bill")
    @workflow
    async def send_bill(e: Placed) -> None: ...

    handler = payments.handlers["settle"]
    assert handler.workflow is settle and handler.options.ordered
    assert handler.follows == OneOf((event_type(Paid),))
    assert handler.declaration()["kind"] == "saga"
    assert payments.handlers["bill"].workflow is send_bill
    assert payments.handlers["bill"].is_async


def test_annotations_may_name_classes_that_come_further_down_in_the_module():
    assert LATE.handlers["early"].takes == (event_type(Later),)
    LATE.check()


LATE = Service("late")


@LATE.on
def early(e: Later) -> None: ...


@event
@dataclass
class Later:
    x: int


def test_annotations_that_name_what_never_comes_are_told_when_the_app_starts():
    payments = service()

    @payments.on
    def lost(e: Nowhere) -> None: ...  # noqa: F821

    with pytest.raises(DefinitionError, match=r"(?s)annotations of handler payments\.lost.*'Nowhere'"):
        payments.check()


def test_emits_names_what_the_body_emits_besides():
    payments = service()

    @payments.on(emits=(Declined, Paid))
    def one(e: Placed) -> Paid: ...

    @payments.on(emits=Declined | Paid)
    def two(e: Placed) -> None: ...

    assert payments.handlers["one"].contract.emits == (event_type(Declined), event_type(Paid))
    assert payments.handlers["one"].contract.gives == (event_type(Paid), event_type(Declined))
    assert payments.handlers["two"].contract.gives == (event_type(Declined), event_type(Paid))


def test_a_handler_says_which_events_it_undoes_or_that_there_is_nothing_to_undo():
    payments = service()

    @payments.on(compensates=Paid)
    def refund(e: Declined) -> None: ...

    @payments.on(compensates="none")
    def note(e: Declined) -> None: ...

    assert payments.handlers["refund"].compensates == (event_type(Paid),)
    assert payments.handlers["note"].compensates == "none"
    with pytest.raises(DefinitionError, match=r"compensates= of handler payments\.\w+ .*int is no event"):
        payments.on(compensates=int, name="third")(refund)


def test_a_join_takes_one_event_of_each_in_any_order_of_parameters():
    payments = service()

    @payments.on(all_of(Placed, Paid), within="1h")
    def both(paid: Paid, placed: Placed) -> Declined: ...

    handler = payments.handlers["both"]
    assert handler.contract.joins == (event_type(Placed), event_type(Paid))
    assert [each.name for each in handler.contract.arguments] == ["paid", "placed"]
    assert handler.options.within == 3_600_000_000


def test_a_stacked_join_takes_its_events_as_one_tuple():
    payments = service()

    @payments.on(all_of(Placed, Paid))
    @workflow
    def both(events: tuple[Placed, Paid]) -> None: ...

    (argument,) = payments.handlers["both"].contract.arguments
    assert argument == Argument("events", Role.EVENTS, (event_type(Placed), event_type(Paid)))


def test_a_batch_takes_a_list():
    payments = service()

    @payments.on(batch=10_000, linger="2s")
    def many(events: list[Placed | Paid]) -> list[Declined]: ...

    handler = payments.handlers["many"]
    assert handler.contract.arguments[0].role is Role.EVENTS
    assert handler.takes == (event_type(Placed), event_type(Paid))
    assert (handler.options.batch, handler.options.linger) == (10_000, 2_000_000)


def test_a_handler_may_ask_for_state_and_for_the_transaction_by_name():
    payments = service(state=Totals, merge="by_time")

    @payments.on(transaction=True)
    def count(tx: Any, e: Placed, state: Totals | None, *, now: Callable[[], int] = int) -> None: ...

    roles = [each.role for each in payments.handlers["count"].contract.arguments]
    assert roles == [Role.TX, Role.EVENT, Role.STATE]
    assert payments.state_shape is not None


def test_an_event_is_taken_as_its_own_version_or_else_as_the_highest_that_the_handler_reads():
    payments = service()

    @payments.on
    def both(e: Paid | PaidTwo | Placed) -> None: ...

    wanted = payments.handlers["both"].wanted
    assert wanted("Paid", 1) is event_type(Paid)
    assert wanted("Paid", 2) is event_type(PaidTwo)
    assert wanted("Paid", 3) is wanted("Paid", None) is event_type(PaidTwo)
    assert wanted("Declined", 1) is None


# -- signatures that cannot be


def plain_list(e: list[Placed]) -> None: ...
def no_annotation(e) -> None: ...  # type: ignore[no-untyped-def]
def no_return(e: Placed): ...  # type: ignore[no-untyped-def]
def no_event(e: int) -> None: ...
def maybe_event(e: Placed | None) -> None: ...
def nothing() -> None: ...
def two(a: Placed, b: Paid) -> None: ...
def starred(*e: Placed) -> None: ...
def keyword(e: Placed, *, other: int) -> None: ...
def asks_tx(tx: Any, e: Placed) -> None: ...
def asks_state(e: Placed, state: Totals) -> None: ...
def generator(e: Placed) -> Any:
    yield 1


def wrong_return(e: Placed) -> int: ...
def good(e: Placed) -> None: ...
def keyless(e: Keyless) -> None: ...
def keyless_state(e: Keyless, state: Totals) -> None: ...
def wrong_state(e: Placed, state: int) -> None: ...
async def colour(tx: Any, e: Placed) -> None: ...
def joined(a: Placed, b: Paid) -> None: ...
def half(a: Placed) -> None: ...
def union(a: Placed | Paid) -> None: ...
def keyless_join(a: Placed, b: Keyless) -> None: ...


@pytest.mark.parametrize(
    ("function", "options", "reason"),
    [
        (no_annotation, {}, "the parameter e has no annotation"),
        (no_return, {}, "has no return annotation"),
        (no_event, {}, "the annotation of e: int is no event"),
        (maybe_event, {}, "NoneType is no event"),
        (nothing, {}, "takes 0 events"),
        (two, {}, "takes 2 events"),
        (starred, {}, "has the parameter *e"),
        (keyword, {}, "has the parameter other"),
        (asks_tx, {}, "asks for tx, and has no transaction=True"),
        (asks_state, {}, "asks for state, and its service has none"),
        (generator, {}, "which is a generator"),
        (wrong_return, {}, "The return annotation of handler payments.wrong_return"),
        (plain_list, {}, "Write on(batch=100)"),
        (good, {"batch": 5}, "Write list[A], since it has batch="),
        (good, {"transaction": True}, "has transaction=True and no parameter tx"),
        (colour, {"transaction": True}, "has transaction=True and async def"),
        (keyless, {"sequence": "x"}, "puts the events of a key in order, and Keyless (version 1)"),
        (good, {"sequence": "nope"}, "sequence='nope' of handler payments.good"),
        (good, {"emits": int}, "emits= of handler payments.good"),
        (half, {"join": (Placed, Paid)}, "waits for all_of(Placed, Paid), and takes Placed"),
        (union, {"join": (Placed, Paid)}, "waits for all_of(Placed, Paid), and takes Placed, Paid"),
        (joined, {"join": (Placed, Declined)}, "waits for all_of(Placed, Declined), and takes Placed, Paid"),
        (keyless_join, {"join": (Placed, Keyless)}, "joins by key, and Keyless (version 1)"),
        (joined, {"join": (Placed, Paid), "batch": 5}, "has batch= and all_of(…)"),
        (joined, {"join": (Placed, Paid), "where": bool.__and__}, "has where= and all_of(…)"),
        (joined, {"join": (Placed, Paid), "sequence": "number"}, "has sequence= and all_of(…)"),
        (good, {"within": "1h"}, "has within= and no all_of(…)"),
        (good, {"gap": "1h"}, "has gap= and no sequence="),
        (good, {"linger": "1h"}, "has linger= and no batch="),
    ],
)
def test_a_signature_that_cannot_be_a_handlers_is_refused_where_it_stands(function, options, reason):
    given = dict(options)
    joins = given.pop("join", None)
    with pytest.raises(DefinitionError) as caught:
        service().on(all_of(*joins) if joins else None, **given)(function)
    assert reason in told(caught)
    assert f"{__file__}:{function.__code__.co_firstlineno}" in told(caught)


def test_state_needs_a_key_and_its_own_class():
    totals = service(state=Totals)
    with pytest.raises(DefinitionError, match="keeps a state per key, and Keyless"):
        totals.on(keyless_state)
    with pytest.raises(DefinitionError, match="annotates its state as int; its service has Totals"):
        totals.on(wrong_state)


def test_a_join_shares_its_state_with_no_other_handler():
    totals = service(state=Totals)

    @totals.on(all_of(Placed, Paid))
    def both(placed: Placed, paid: Paid, state: Totals | None) -> None: ...

    totals.check()

    @totals.on()
    def one(e: Declined, state: Totals | None) -> None: ...

    with pytest.raises(
        DefinitionError, match=r"is a join and has the service's state, and so has payments\.one"
    ):
        totals.check()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"attempts": 0}, "attempts= of handler payments.good"),
        ({"attempts": 2.5}, "is 2.5"),
        ({"attempts": 3, "retry": Retry()}, "has both attempts= and retry="),
        ({"retry": 5}, "Write a Retry, such as Retry(attempts=5)"),
        ({"timeout": "soon"}, "timeout= of handler payments.good"),
        ({"timeout": -1}, "is negative"),
        ({"due": "1x"}, "due= of handler payments.good"),
        ({"after_dead_letter": "stop"}, 'Write "wait" or "go on"'),
        ({"where": "x > 5"}, "Write a function from the event to True or False"),
        ({"where": bool}, "Write a function from the event to True or False"),
        ({"batch": 0}, "Write a whole number from 1 to 10,000"),
        ({"batch": 10_001}, "Write a whole number from 1 to 10,000"),
        ({"max_in_flight": True}, "Write a whole number from 1 up"),
        ({"transaction": 1}, "transaction=1"),
        ({"circuit": 5}, "Write a Circuit"),
        ({"sequence": 5}, "Write the name of a field, or a function of the event"),
        ({"ordered": True}, "has ordered= and is a plain function"),
        ({"attemps": 5}, "has the option attemps=, which there is not"),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_name(options, reason):
    with pytest.raises(DefinitionError) as caught:
        service().on(**options)(good)
    assert reason in told(caught)


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 5},
        {"retry": Retry()},
        {"timeout": "1s"},
        {"batch": 5},
        {"transaction": True},
        {"circuit": Circuit()},
    ],
    ids=str,
)
def test_what_belongs_to_one_attempt_is_refused_above_a_workflow(options):
    @workflow
    def settle(e: Placed) -> None: ...

    with pytest.raises(DefinitionError, match=f"{next(iter(options))}= and is a workflow"):
        service().on(**options)(settle)


def test_what_is_no_function_is_refused():
    @step
    def charge(e: Placed) -> None: ...

    with pytest.raises(DefinitionError, match=r"is above the step \S*charge"):
        service().on(charge)
    with pytest.raises(DefinitionError, match="which is no function"):
        service().on(name="x")(5)  # type: ignore[type-var]
    for thing in (Placed, Placed | Paid):
        with pytest.raises(DefinitionError, match="said by the annotation of its parameter"):
            service().on(thing)  # type: ignore[call-overload]


def test_two_handlers_of_one_name_are_refused_with_both_places():
    payments = service()
    payments.on(good)
    with pytest.raises(
        DefinitionError, match=r"two handlers good: .*test_service\.py:\d+ and .*test_service\.py:\d+"
    ):
        payments.on(attempts=2)(good)
    payments.on(name="good, again")(good)
    assert list(payments.handlers) == ["good", "good, again"]


# -- joins and circuits as values


def test_ways_join_with_or_in_any_order():
    assert str(all_of(Placed, Paid) | Declined) == "all_of(Placed, Paid) | Declined"
    assert str(Declined | all_of(Placed, Paid)) == "Declined | all_of(Placed, Paid)"
    assert str(all_of(Placed, Paid) | all_of(Paid, Placed) | (Declined | Keyless)) == (
        "all_of(Paid, Placed) | Declined | Keyless"
    )
    assert (all_of(Placed, Paid) | Declined).types == tuple(map(event_type, (Placed, Paid, Declined)))


@pytest.mark.parametrize(
    ("classes", "reason"),
    [
        ((), "does not name several different events"),
        ((Placed,), "does not name several different events"),
        ((Placed, Placed), "does not name several different events"),
        ((Paid, PaidTwo), "does not name several different events"),
        ((Placed, Paid | Declined), "takes classes, and no unions"),
        ((Placed, int), "int is no event"),
    ],
)
def test_all_of_takes_several_different_classes_of_events(classes, reason):
    with pytest.raises(DefinitionError, match=reason):
        all_of(*classes)


def test_a_join_has_one_set_of_events():
    with pytest.raises(DefinitionError, match=re.escape("waits for all_of(Placed, Paid) | Declined")):
        service().on(all_of(Placed, Paid) | Declined)(joined)
    with pytest.raises(DefinitionError, match="int is no event"):
        all_of(Placed, Paid) | int


def test_a_circuit_is_checked_where_it_is_made():
    assert Circuit(failures=3, cooldown="1m").cooldown_us == 60_000_000
    for wrong in ({"failures": 0}, {"failures": "5"}, {"cooldown": "x"}, {"cooldown": 0}):
        with pytest.raises(DefinitionError, match="of a Circuit"):
            Circuit(**wrong)  # type: ignore[arg-type]


# -- services


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"start": "yesterday"}, 'Write "beginning", "now" or an aware datetime'),
        ({"start": datetime(2026, 1, 1)}, "has no time zone"),  # noqa: DTZ001
        ({"partitions": 0}, "partitions= of service payments"),
        ({"partitions": 4_097}, "Write a whole number from 1 to 4,096"),
        ({"max_lag": "5m"}, "max_lag= of service payments"),
        ({"state": 5}, "Write a class"),
        ({"merge": "by_time"}, "has merge= and no state="),
        ({"state": Totals, "merge": "by_luck"}, 'Write "by_sequence", "by_time" or a function'),
    ],
)
def test_a_service_that_cannot_be_is_refused(options, reason):
    with pytest.raises(DefinitionError) as caught:
        service(**options)
    assert reason in told(caught)
    assert __file__ in told(caught)


def test_a_service_begins_where_it_is_told():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert service(start=at).declaration()["start"] == "2026-01-01T00:00:00+00:00"
    assert service(start="now").start == "now"
    assert service().start == "beginning"
    with pytest.raises(DefinitionError, match="name of a service"):
        Service("a\nb")


@pytest.mark.parametrize("name", ["a.b", "a#b", "a\nb", ""])
def test_names_leave_the_signs_alone_of_which_reactions_are_named(name):
    with pytest.raises(DefinitionError, match="name of a service"):
        Service(name)
    if name != "a.b":
        with pytest.raises(DefinitionError, match="name of a handler"):
            service().on(name=name)(good)


def test_a_declaration_is_plain_data():
    payments = service(max_lag=1_000)

    @payments.on(all_of(Placed, Paid), within="1h", due="2h", compensates="none")
    def both(a: Placed, b: Paid) -> tuple[Declined, list[Paid]]: ...

    (found,) = payments.declaration()["handlers"]
    assert found["takes"] == found["joins"] == [("Placed", 1), ("Paid", 1)]
    assert found["follows"] == {
        "all_of": [{"one_of": [("Declined", 1)]}, {"many": {"one_of": [("Paid", 1)]}}]
    }
    assert (found["within"], found["due"], found["compensates"]) == (3_600_000_000, 7_200_000_000, "none")
    assert not found["filtered"]
    payments.on(name="some", where=lambda e: e.number > 1)(good)
    assert payments.handlers["some"].declaration()["filtered"]
