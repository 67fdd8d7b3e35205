"""Each rule of contracts at its edges: what it must find, and what it must leave alone."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import pytest

from dalsegno import Aggregate, Process, Projection, Service, all_of, downcast, event, upcast, workflow
from dalsegno.events.contracts import Report, Rule, check
from dalsegno.events.contracts import ending as ending_module
from dalsegno.events.known import Known


@dataclass
class Keyed:
    id: str


@event(key="id", outside=True)
class Begun(Keyed): ...


@event(key="id")
class Left(Keyed): ...


@event(key="id")
class Right(Keyed): ...


@event(key="id")
class Done(Keyed): ...


@event(key="id", nobody=True)
class Noted(Keyed): ...


@event(key="id", failure=True)
class Failed(Keyed): ...


def report(*things: object) -> Report:
    known = Known()
    known.add(things)
    return check(known)


def rules(*things: object) -> list[Rule]:
    return [each.rule for each in report(*things).findings]


def service(*handlers: Any, **options: Any) -> Service:
    """Make a service of plain functions; of a pair, the second is what on() is told."""
    made = Service("s")
    for each in handlers:
        function, told = each if isinstance(each, tuple) else (each, {})
        joins = told.pop("joins", None)
        made.on(joins, **told)(function) if joins or told else made.on(function)
    return made


def begin(e: Begun) -> Left:
    return Left(e.id)


def finish(e: Left) -> Done:
    return Done(e.id)


def take_done(e: Done) -> None:
    print(e.id)


# -- who meets whom


def test_an_event_that_begins_a_process_comes_from_outside_and_one_that_ends_it_needs_no_handler():
    @event(key="id")
    class Asked(Keyed): ...

    def answer(e: Asked) -> Done:
        return Done(e.id)

    assert rules(service(answer), Process("p", starts=Asked, ends=Done)) == []
    assert sorted(rules(service(answer))) == [Rule.NO_EMITTER, Rule.NO_HANDLER]


def test_an_end_that_nobody_emits_is_found_at_the_process():
    process = Process("p", starts=Begun, ends=Done | Right)
    (finding,) = report(service(begin, finish), process).findings
    assert (finding.rule, finding.place) == (Rule.NO_EMITTER, process.place)
    assert "Right" in finding.what and "process p" in finding.what


def test_a_cancelling_event_needs_a_handler_and_no_emitter():
    process = Process("p", starts=Begun, ends=Done, cancel=Right)
    assert rules(service(begin, finish), process) == [Rule.NO_HANDLER]

    def undo(e: Right) -> None:
        print(e.id)

    assert rules(service(begin, finish, undo), process) == []


def test_workflows_that_emit_and_wait_count_as_emitters_and_handlers():
    from dalsegno import emit, receive

    @workflow
    def talk(name: str) -> None:
        emit(Left(name))
        receive(Done).result()

    known = Known()
    known.add([service(finish)])
    assert check(known, [talk]).ok
    assert not check(known).ok


def test_what_a_projection_folds_is_handled_and_what_an_aggregate_applies_is_emitted_too():
    rows = Projection("rows", state=int)

    @rows.on
    def add(e: Done, state: int | None) -> int:
        return (state or 0) + 1

    class Thing(Aggregate):
        size: int = 0

        def apply_left(self, e: Left) -> None:
            self.size += 1

    assert rules(service(finish), rows, Thing) == []
    assert rules(service(finish), rows) == [Rule.NO_EMITTER]
    assert rules(service(finish), Thing) == [Rule.NO_HANDLER]


# -- cycles


def there(e: Left) -> Right:
    return Right(e.id)


def back(e: Right) -> Left:
    return Left(e.id)


def test_a_cycle_is_found_once_and_names_its_way():
    (finding,) = report(service(begin, there, back)).findings
    assert finding.rule is Rule.NO_EXIT
    assert "Left → s.there → Right → s.back → Left" in finding.what


def back_or_done(e: Right) -> Left | Done:
    return Left(e.id) if e.id else Done(e.id)


def back_or_nothing(e: Right) -> Left | None:
    return Left(e.id) if e.id else None


def back_any_number(e: Right) -> list[Left]:
    return [Left(e.id)]


@pytest.mark.parametrize(
    "exit",
    [back_or_done, back_or_nothing, back_any_number, (back, {"where": lambda e: len(e.id) < 5})],
    ids=["another event", "nothing", "any number", "a filter"],
)
def test_a_cycle_that_may_be_left_is_none(exit: Any):
    assert rules(service(begin, there, exit, take_done, (begin_done, {}))) == []


def begin_done(e: Begun) -> Done:
    return Done(e.id)


def test_a_cycle_that_holds_a_join_with_an_event_from_elsewhere_ends_with_that():
    def join(left: Left, done: Done) -> Right:
        return Right(left.id)

    assert rules(service(begin, begin_done, take_done, (join, {"joins": all_of(Left, Done)}), back)) == []


def test_a_cycle_through_a_join_of_two_events_that_both_come_round_is_found():
    def join(left: Left, right: Right) -> Done:
        return Done(left.id)

    def both(e: Done) -> tuple[Left, Right]:
        return Left(e.id), Right(e.id)

    def begin_both(e: Begun) -> tuple[Left, Right]:
        return Left(e.id), Right(e.id)

    found = rules(service(begin_both, (join, {"joins": all_of(Left, Right)}), both))
    assert found == [Rule.NO_EXIT]


# -- processes


def choose(e: Begun) -> Left | Right:
    return Left(e.id) if e.id else Right(e.id)


def take_right(e: Right) -> None:
    print(e.id)


def take_left(e: Left) -> None:
    print(e.id)


def test_a_branch_that_leads_nowhere_is_found_at_the_handler_that_chooses_it():
    found = report(service(choose, finish, take_right), Process("p", starts=Begun, ends=Done))
    (finding,) = found.findings
    assert finding.rule is Rule.NO_END and "s.choose" in finding.what and "gives Right" in finding.what


def test_a_side_branch_that_leads_nowhere_is_no_fault():
    def aside(e: Begun) -> Right:
        return Right(e.id)

    assert rules(service(begin, finish, aside, take_right), Process("p", starts=Begun, ends=Done)) == []


def test_trying_again_until_it_works_reaches_an_end():
    def attempt(e: Left) -> Done | Right:
        return Done(e.id) if e.id else Right(e.id)

    assert rules(service(begin, attempt, back), Process("p", starts=Begun, ends=Done)) == []


def test_ends_that_ask_for_several_events_are_not_reached_if_one_of_them_may_not_come():
    @event(key="id")
    class Seen(Keyed): ...

    def always(e: Begun) -> tuple[Left, Seen]:
        return Left(e.id), Seen(e.id)

    def perhaps(e: Seen) -> Right | None:
        return Right(e.id) if e.id else None

    def surely(e: Seen) -> Right:
        return Right(e.id)

    process = Process("p", starts=Begun, ends=all_of(Left, Right))
    (finding,) = report(service(always, perhaps), process).findings
    assert finding.rule is Rule.NO_END and "gives nothing" in finding.what
    assert rules(service(always, surely), process) == []


def test_a_handler_that_counts_may_well_return_nothing():
    @dataclass
    class Count:
        seen: int = 0

    made = Service("s", state=Count)
    made.on(begin)

    @made.on
    def third(e: Left, state: Count | None) -> Done | None:
        return Done(e.id) if state and state.seen == 3 else None

    assert rules(made, Process("p", starts=Begun, ends=Done)) == []


def test_an_event_from_outside_may_bring_a_process_on():
    @event(key="id", outside=True)
    class Answered(Keyed): ...

    def go_on(e: Answered) -> Done:
        return Done(e.id)

    assert rules(service(begin, take_left, go_on), Process("p", starts=Begun, ends=Done)) == []


def test_a_process_that_reaches_no_end_at_all_is_found_at_the_process():
    def other(e: Right) -> Done:
        return Done(e.id)

    @event(key="id")
    class Cut(Keyed): ...

    def cut(e: Begun) -> Cut:
        return Cut(e.id)

    def take_cut(e: Cut) -> None:
        print(e.id)

    process = Process("p", starts=Begun, ends=Done)
    second = Process("q", starts=Right, ends=Done)
    (finding,) = report(service(cut, take_cut, other), process, second).findings
    assert (finding.rule, finding.place) == (Rule.NO_END, process.place)


def test_a_process_of_too_many_states_is_a_note_and_no_finding(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ending_module, "MOST_STATES", 1)
    found = report(service(begin, finish), Process("p", starts=Begun, ends=Done))
    assert found.ok and "was not judged" in found.notes[0] and found.notes[0] in found.text()


def test_what_surely_follows_an_end_is_owed_unless_it_belongs_to_another_process():
    def more(e: Done) -> Right:
        return Right(e.id)

    process = Process("p", starts=Begun, ends=Done)
    assert rules(service(begin, finish, more, take_right), process) == [Rule.OWED_AFTER_END]

    def finish_right(e: Right) -> Noted:
        return Noted(e.id)

    second = Process("q", starts=Right, ends=Noted)
    assert rules(service(begin, finish, more, finish_right), process, second) == []

    def note(e: Done) -> Noted:
        return Noted(e.id)

    def maybe(e: Done) -> Right | None:
        return Right(e.id) if e.id else None

    assert rules(service(begin, finish, note, maybe, take_right), process) == []


# -- failures


def try_it(e: Left) -> Done | Failed:
    return Done(e.id) if e.id else Failed(e.id)


def give_up(e: Failed) -> Right:
    return Right(e.id)


def test_a_failure_needs_a_handler_that_compensates_or_says_that_there_is_nothing_to_undo():
    parts = (begin, try_it, take_right, take_done)
    (finding,) = report(service(*parts, give_up)).findings
    assert finding.rule is Rule.NO_COMPENSATION and "s.give_up" in finding.what
    assert rules(service(*parts, (give_up, {"compensates": Left}))) == []
    assert rules(service(*parts, (give_up, {"compensates": "none"}))) == []


def test_what_was_surely_done_before_a_failure_must_be_undone_behind_it():
    @event(key="id")
    class Reserved(Keyed): ...

    def reserve(e: Left) -> Reserved:
        return Reserved(e.id)

    def ship(e: Reserved) -> Done | Failed:
        return Done(e.id) if e.id else Failed(e.id)

    def unreserve(e: Failed) -> Right:
        return Right(e.id)

    def refund_right(e: Right) -> None:
        print(e.id)

    parts = (begin, reserve, ship, take_done, (unreserve, {"compensates": Reserved}))
    assert rules(service(*parts, (refund_right, {"compensates": Left}))) == []

    @event(key="id", outside=True)
    class Complained(Keyed): ...

    def refund_complaint(e: Complained) -> None:
        print(e.id)

    found = report(service(*parts, take_right, (refund_complaint, {"compensates": Left})))
    (finding,) = found.findings
    assert finding.rule is Rule.NO_COMPENSATION
    assert "Behind Failed" in finding.what and "undoes Left" in finding.what


# -- versions


@event("Sized", version=1, key="id")
@dataclass
class SizedV1(Keyed):
    size: str


@event("Sized", version=2, key="id")
@dataclass
class SizedV2(Keyed):
    size: int


@event("Sized", version=3, key="id")
@dataclass
class SizedV3(Keyed):
    size: int
    unit: str = "cm"


@upcast
def to_v2(old: SizedV1) -> SizedV2:
    return SizedV2(old.id, int(old.size))


@upcast
def to_v3(old: SizedV2) -> SizedV3:
    return SizedV3(old.id, old.size)


def measure(e: Begun) -> SizedV1:
    return SizedV1(e.id, "7")


def use(e: SizedV3) -> None:
    print(e.unit)


def test_a_version_that_converters_lead_to_step_by_step_can_be_read():
    assert rules(service(measure, use), to_v2, to_v3) == []
    (finding,) = report(service(measure, use), to_v2).findings
    assert finding.rule is Rule.NO_CONVERTER
    assert "version 1" in finding.what and "$.size" in finding.meaning and "@upcast" in finding.mend


def test_versions_whose_schemas_fit_are_read_by_handlers_and_converted_for_projections():
    def measure_2(e: Begun) -> SizedV2:
        return SizedV2(e.id, 7)

    rows = Projection("rows", state=int)

    @rows.on
    def add(e: SizedV3, state: int | None) -> int:
        return e.size

    assert rules(service(measure_2, use)) == []
    (finding,) = report(service(measure_2, use), rows).findings
    assert finding.rule is Rule.NO_CONVERTER and "schemas fit" in finding.meaning


def test_an_older_reader_needs_a_way_down_a_projection_too():
    rows = Projection("rows", state=int)

    @rows.on
    def add(e: SizedV1, state: int | None) -> int:
        return len(e.size)

    def measure_3(e: Begun) -> SizedV3:
        return SizedV3(e.id, 7)

    @downcast
    def to_v1(new: SizedV3) -> SizedV1:
        return SizedV1(new.id, str(new.size))

    assert rules(service(measure_3), rows) == [Rule.NO_CONVERTER]
    assert rules(service(measure_3), rows, to_v1) == []


# -- examples


@event(key="id", outside=True)
@dataclass
class Rated(Keyed):
    stars: Annotated[int, msgspec.Meta(ge=1, le=5)]
    tags: list[str] = field(default_factory=list)


def rate(e: Rated) -> None:
    print(e.stars)


@pytest.mark.parametrize("example", [Rated("7", 5), {"id": "7", "stars": 1, "tags": ["a"]}])
def test_examples_that_an_emitter_could_write_are_well(example: Any):
    assert rules(service((rate, {"examples": [example]}))) == []


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (Rated("7", 6), "$.stars"),
        ({"id": "7"}, "stars"),
        ({"id": "7", "stars": 2, "tags": [3]}, "$.tags[0]"),
        (Left("7"), "does not take"),
    ],
)
def test_examples_that_nobody_writes_say_what_is_wrong_with_them(example: Any, said: str):
    (finding,) = report(service((rate, {"examples": [Rated("7", 1), example]})), service_of_left()).findings
    assert finding.rule is Rule.BAD_EXAMPLE and said in finding.what and "Example 2" in finding.what


def service_of_left() -> Service:
    made = Service("other")
    made.on(begin)
    made.on(take_left)
    return made


def test_an_example_is_held_to_the_version_that_is_emitted_and_not_to_the_one_that_is_read():
    good, bad = {"id": "7", "size": "12"}, {"id": "7", "size": 12}
    assert rules(service(measure, (use, {"examples": [good]})), to_v2, to_v3) == []
    assert rules(service(measure, (use, {"examples": [bad]})), to_v2, to_v3) == [Rule.BAD_EXAMPLE]


# -- the report


def test_a_report_tells_places_from_where_one_stands_and_as_plain_data(monkeypatch: pytest.MonkeyPatch):
    found = report(service(begin))
    (finding,) = found.findings
    assert (finding.file, finding.line) == (__file__, begin.__code__.co_firstlineno)
    document = found.document()
    assert document["findings"][0]["line"] == finding.line and document["ok"] is False
    assert document["looked"] == {"services": 1, "handlers": 1, "events": 2, "processes": 0}
    assert found.exit_code == 1
    with pytest.raises(AssertionError, match="no-handler"):
        found.assert_ok()
    assert report().exit_code == 0
