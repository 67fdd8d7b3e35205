"""What is read of functions in the styles in which people write them."""

from __future__ import annotations

import asyncio
import copy
import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from dalsegno import emit, event, receive, step, workflow
from dalsegno.events.contracts.reading import Reading, read
from dalsegno.events.contracts.values import Value
from dalsegno.events.types import event_type


@dataclass
class Keyed:
    id: str

    @classmethod
    def of(cls, other: Keyed) -> Any:
        return cls(other.id)


@event
@dataclass
class Placed(Keyed): ...


@event
@dataclass
class Paid(Keyed): ...


@event
@dataclass
class Declined(Keyed): ...


@event
@dataclass
class Noted(Keyed): ...


def reading(function: Callable[..., Any]) -> Reading:
    return read(function, {"e": Value(maybe=frozenset({event_type(Placed)}))})


def returned(function: Callable[..., Any]) -> set[str]:
    """Name what a function surely returns."""
    return {made.kind.name for made in reading(function).returned}


def emitted(function: Callable[..., Any]) -> set[str]:
    return {made.kind.name for made in reading(function).emitted}


# -- handlers, each of which returns a Paid or a Declined


def plainly(e: Placed) -> Any:
    if e.id:
        return Paid(e.id)
    return Declined(e.id)


def by_a_name_for_the_class(e: Placed) -> Any:
    kind = Paid if e.id else Declined
    return kind(e.id)


def by_a_table_written_there(e: Placed) -> Any:
    return {"yes": Paid, "no": Declined}[e.id](e.id)


def by_or(e: Placed) -> Any:
    return (e.id and Paid(e.id)) or Declined(e.id)


def by_match(e: Placed) -> Any:
    match e.id.split():
        case [one]:
            answer: Any = Paid(one)
        case _:
            answer = Declined(e.id)
    return answer


def by_try(e: Placed) -> Any:
    try:
        done = Paid(e.id)
    except ConnectionError:
        done = Declined(e.id)  # type: ignore[assignment]
    finally:
        print("asked")
    return done


def by_a_loop(e: Placed) -> Any:
    found: Any = Declined(e.id)
    for _ in range(3):
        if e.id:
            found = Paid(e.id)
            break
    return found


def by_an_inner_function(e: Placed) -> Any:
    def paid() -> Paid:
        return Paid(e.id)

    declined = lambda: Declined(e.id)
    return paid() if e.id else declined()


def _answer(e: Placed, good: bool = True) -> Any:
    return _good(e) if good else Declined(e.id)


def _good(e: Placed) -> Paid:
    return Paid(id=e.id)


def by_helpers(e: Placed) -> Any:
    return _answer(e)


def by_copies(e: Placed) -> Any:
    return replace(Paid(""), id=e.id) if e.id else copy.copy(Declined(e.id))


def by_cast(e: Placed) -> Any:
    return cast(Paid, Paid(e.id)) if e.id else cast("Any", Declined(e.id))


def by_class_method(e: Placed) -> Any:
    return Paid.of(e) if e.id else Declined.of(e)


def by_walrus(e: Placed) -> Any:
    if paid := (Paid(e.id) if e.id else None):
        return paid
    return Declined(e.id)


def by_a_list(e: Placed) -> Any:
    made: list[Any] = []
    made.append(Paid(e.id))
    made += [Declined(e.id)]
    return made


def by_comprehension(e: Placed) -> Any:
    return [kind(each) for each in e.id for kind in (Paid, Declined)]


def by_a_generator(e: Placed) -> Any:
    return list(_made(e))


def _made(e: Placed) -> Iterator[Any]:
    yield Paid(e.id)
    yield from [Declined(e.id)]


def by_unpacking(e: Placed) -> Any:
    first, (second, _) = Paid(e.id), (Declined(e.id), 1)
    return first if e.id else second


def by_partial(e: Placed) -> Any:
    return functools.partial(_answer, e)(good=bool(e.id))


async def by_await(e: Placed) -> Any:
    async with asyncio.timeout(1):
        found = await asyncio.gather(_later(e), _later_no(e))
    return found[0]


async def _later(e: Placed) -> Paid:
    return Paid(e.id)


async def _later_no(e: Placed) -> Declined:
    return Declined(e.id)


def _logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@_logged
def below_a_decorator(e: Placed) -> Any:
    return Paid(e.id) if e.id else Declined(e.id)


def by_import(e: Placed) -> Any:
    from dataclasses import replace as changed

    return changed(Paid(e.id), id="") if e.id else changed(Declined(e.id), id="")


@step
def charge(e: Placed) -> Any:
    return Paid(e.id)


@workflow
def by_steps(e: Placed) -> Any:
    paid = charge.start(e).result()
    return charge(e) if e.id else (paid and Declined(e.id))


def by_recursion(e: Placed) -> Any:
    return by_recursion(Placed(e.id[1:])) if e.id[1:] else (Paid(e.id) if e.id else Declined(e.id))


STYLES = [
    plainly, by_a_name_for_the_class, by_a_table_written_there, by_or, by_match, by_try, by_a_loop,
    by_an_inner_function, by_helpers, by_copies, by_cast, by_class_method, by_walrus, by_a_list,
    by_comprehension, by_a_generator, by_unpacking, by_partial, by_await, below_a_decorator, by_import,
    by_steps.function, by_recursion,
]  # fmt: skip


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_whatever_the_style_both_events_are_found_and_no_others(style: Callable[..., Any]):
    found = reading(style)
    assert {made.kind.name for made in found.returned} == {"Paid", "Declined"}
    assert {kind.name for kind in found.may_return} == {"Paid", "Declined"}
    assert found.read and not found.emits_at


@pytest.mark.parametrize(
    "style", [each for each in STYLES if each is not by_await], ids=lambda style: style.__name__
)
def test_it_is_sure_that_nothing_else_is_returned(style: Callable[..., Any]):
    assert not reading(style).open_return


# -- what is not given on


def test_an_event_that_is_made_and_not_given_on_is_none_that_follows():
    def handler(e: Placed) -> Any:
        looked_at = Declined(e.id)
        print(looked_at)
        text = str(Noted(e.id))
        assert text
        answer: Any = Noted(e.id)
        answer = Paid(e.id)
        return answer

    assert returned(handler) == {"Paid"}


def test_what_stands_behind_a_return_is_not_reached():
    def handler(e: Placed) -> Any:
        if e.id:
            raise ValueError(Declined(e.id))
        return Paid(e.id)
        return Noted(e.id)

    assert returned(handler) == {"Paid"}


TABLE = {"yes": Paid, "no": Declined, "later": Noted}


def test_what_is_taken_out_of_a_table_may_be_any_of_it_and_is_surely_none():
    def handler(e: Placed) -> Any:
        return TABLE[e.id](e.id)

    def exactly(e: Placed) -> Any:
        return TABLE["no"](e.id)

    found = reading(handler)
    assert not found.returned and {kind.name for kind in found.may_return} == {"Paid", "Declined", "Noted"}
    assert returned(exactly) == {"Declined"}


def test_an_event_that_is_handed_through_may_be_returned():
    def handler(e: Placed) -> Any:
        return e

    found = reading(handler)
    assert not found.returned and {kind.name for kind in found.may_return} == {"Placed"}


def test_what_foreign_code_returns_is_not_known():
    def handler(e: Placed) -> Any:
        return json.loads(e.id)

    assert reading(handler).open_return


# -- emitting and waiting


def _note(e: Keyed) -> None:
    note = Noted(e.id)
    emit(note)


@step
def noting(e: Keyed) -> None:
    _note(e)


def test_what_is_emitted_is_found_through_helpers_and_steps_with_its_line():
    def handler(e: Placed) -> Any:
        _note(e)
        return Paid(e.id)

    async def in_a_step(e: Placed) -> Any:
        await noting.start(e)

    assert emitted(handler) == emitted(in_a_step) == {"Noted"}
    found = reading(handler)
    (made,) = found.emitted
    line = _note.__code__.co_firstlineno
    assert made.place == f"{__file__}:{line + 1}" and found.emits_at == (f"{__file__}:{line + 2}",)
    assert returned(handler) == {"Paid"}


def test_an_emitted_event_that_is_not_known_leaves_the_reading_open():
    def handler(e: Placed, maker: Any) -> None:
        emit(maker(e.id))

    found = reading(handler)
    assert found.open_emit and found.emits_at


def test_a_function_that_is_handed_to_foreign_code_may_be_called_by_it():
    async def handler(e: Placed) -> None:
        await asyncio.to_thread(_note, e)

    assert emitted(handler) == {"Noted"}


def test_events_that_a_workflow_waits_for_are_found():
    def waiting(e: Placed) -> Any:
        return receive(Paid, Declined).result()

    found = reading(waiting)
    assert {made.kind.name for made in found.awaited} == {"Paid", "Declined"}
    assert {kind.name for kind in found.may_return} == {"Paid", "Declined"}


# -- objects


class Desk:
    kinds: tuple[Any, ...] = (Declined,)

    def __init__(self, good: Any) -> None:
        self.good = good

    def handle(self, e: Placed) -> Any:
        return self._good(e) if e.id else self.kinds[0](e.id)

    def _good(self, e: Placed) -> Any:
        return self.good(e.id)


def test_methods_are_read_with_the_instance_that_they_belong_to():
    assert returned(Desk(Paid).handle) == {"Paid", "Declined"}
    assert returned(Desk(Noted).handle) == {"Noted", "Declined"}


def test_closures_are_read_with_what_they_close_over():
    def made(kind: Any) -> Any:
        def handler(e: Placed) -> Any:
            return kind(e.id)

        return handler

    assert returned(made(Paid)) == {"Paid"}
    assert returned(made(Declined)) == {"Declined"}


def test_lambdas_of_one_line_are_told_apart():
    first, second = (lambda e: Paid(e.id)), (lambda e: Declined(e.id))
    assert (returned(first), returned(second)) == ({"Paid"}, {"Declined"})


def test_a_function_without_source_says_that_it_was_not_read():
    space: dict[str, Any] = {"Paid": Paid}
    exec("def handler(e):\n    return Paid(e.id)\n", space)
    assert not reading(space["handler"]).read


def test_a_reading_of_endless_calls_ends():
    def ping(e: Placed) -> Any:
        return pong(e)

    def pong(e: Placed) -> Any:
        return ping(e) if e.id else Paid(e.id)

    assert returned(ping) == {"Paid"}


def test_a_function_that_is_too_long_to_be_read_says_so_and_keeps_what_was_found(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("dalsegno.events.contracts.reading.Notes.spend", _spend_little)
    found = reading(plainly)
    assert not found.read and found.open_return and found.open_emit


def _spend_little(notes: Any) -> bool:
    notes.left -= 10_000
    return bool(notes.left > 0)


def test_a_helper_that_is_called_again_with_other_events_is_read_again():
    def through(event: Any) -> Any:
        return event

    def handler(e: Placed) -> Any:
        return [_same(Paid(e.id)), _same(Declined(e.id)), _same(Paid(e.id)), through(Noted(e.id))]

    assert returned(handler) == {"Paid", "Declined", "Noted"}


def _same(event: Any) -> Any:
    return event
