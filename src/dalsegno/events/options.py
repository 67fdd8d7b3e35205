"""What ``Service(…)`` and ``on(…)`` can be told, checked where it is declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from dalsegno.core.clock import SECOND
from dalsegno.core.durations import Duration, microseconds
from dalsegno.core.ids import check_id
from dalsegno.core.retry import Retry
from dalsegno.errors import DefinitionError, InvalidDuration, InvalidId
from dalsegno.events.types import Key

AfterDeadLetter: TypeAlias = Literal["wait", "go on"]
"""What the later events of a key do when one of them has become a dead letter."""

BATCH_MOST = 10_000
PARTITIONS_MOST = 4_096
LINGER = 1 * SECOND


@dataclass(frozen=True, slots=True)
class Circuit:
    """When a handler is left alone for a while, because whatever it needs is down.

    After ``failures`` failed attempts in a row, of whatever events, it is not called for ``cooldown``;
    then one event is tried, and its success lets the others follow. Raises DefinitionError.
    """

    failures: int = 5
    cooldown: Duration = "30s"

    def __post_init__(self) -> None:
        whole(self.failures, "failures= of a Circuit")
        if length(self.cooldown, "cooldown= of a Circuit") == 0:
            raise DefinitionError(
                "cooldown= of a Circuit is zero.", "It would never be open.", 'Write "30s".'
            )

    @property
    def cooldown_us(self) -> int:
        """The cooldown in microseconds."""
        return microseconds(self.cooldown)


class HandlerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What ``on(…)`` was told; lengths of time in microseconds."""

    retry: Retry = Retry()
    timeout: int | None = None
    after_dead_letter: AfterDeadLetter = "wait"
    where: Callable[[Any], bool] | None = None
    within: int | None = None
    batch: int | None = None
    linger: int = LINGER
    sequence: Key = None
    gap: int | None = None
    transaction: bool = False
    max_in_flight: int | None = None
    due: int | None = None
    ordered: bool = False
    circuit: Circuit | None = None
    examples: tuple[Any, ...] = ()


_LENGTHS = ("timeout", "within", "gap", "due")
_WHOLE = {"batch": BATCH_MOST, "max_in_flight": None}
_STEPLIKE = ("attempts", "retry", "timeout", "batch", "linger", "transaction", "circuit", "max_in_flight")


def read_options(what: str, told: Mapping[str, Any], *, stacked: bool) -> HandlerOptions:
    """Check what ``on(…)`` was told, each option by itself. Raises DefinitionError, naming ``what`` it is of.

    A workflow that is ``stacked`` has no attempts of its own: its steps have them.
    """
    given = {name: value for name, value in told.items() if value is not None and value is not False}
    allowed = {*HandlerOptions.__struct_fields__, "attempts"}
    for name in given:
        if name not in allowed:
            raise DefinitionError(
                f"{what} has the option {name}=, which there is not.", "", "Look at its name."
            )
        if stacked and name in _STEPLIKE:
            raise DefinitionError(
                f"{what} has {name}= and is a workflow.",
                "Its reaction is a run, whose steps have options of their own.",
                "Give them to its steps.",
            )
    if given.get("ordered") and not stacked:
        raise DefinitionError(
            f"{what} has ordered= and is a plain function.",
            "Those are always in order, per key.",
            "Leave it out.",
        )
    for name in given.keys() & set(_LENGTHS) | given.keys() & {"linger"}:
        given[name] = length(given[name], f"{name}= of {what}")
    for name in given.keys() & set(_WHOLE):
        given[name] = whole(given[name], f"{name}= of {what}", _WHOLE[name])
    _check_choices(what, given)
    if "examples" in given:
        given["examples"] = tuple(given["examples"])
    if "linger" in given and "batch" not in given:
        raise DefinitionError(
            f"{what} has linger= and no batch=.", "It bounds the wait of a batch.", "Write batch=."
        )
    return HandlerOptions(**_with_retry(what, given))


def _with_retry(what: str, given: dict[str, Any]) -> dict[str, Any]:
    attempts = given.pop("attempts", None)
    if attempts is None:
        return given
    if "retry" in given:
        raise DefinitionError(
            f"{what} has both attempts= and retry=.",
            "attempts=5 is short for retry=Retry(attempts=5).",
            "Write one of them.",
        )
    return {**given, "retry": Retry(attempts=whole(attempts, f"attempts= of {what}"))}


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, type)


_CHOICES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "after_dead_letter": (lambda value: value in ("wait", "go on"), '"wait" or "go on"'),
    "retry": (lambda value: isinstance(value, Retry), "a Retry, such as Retry(attempts=5)"),
    "circuit": (lambda value: isinstance(value, Circuit), 'a Circuit, such as Circuit(cooldown="30s")'),
    "where": (_is_function, "a function from the event to True or False"),
    "sequence": (
        lambda value: isinstance(value, str) or _is_function(value),
        "the name of a field, or a function of the event",
    ),
    "examples": (
        lambda value: isinstance(value, list | tuple),
        "a list of events, or of their data as dicts",
    ),
    "transaction": (lambda value: value is True, "True or False"),
    "ordered": (lambda value: value is True, "True or False"),
}


def _check_choices(what: str, given: Mapping[str, Any]) -> None:
    for name, (fits, wanted) in _CHOICES.items():
        if name in given and not fits(given[name]):
            raise refused(name, given[name], what, wanted)


def whole(value: Any, what: str, most: int | None = None) -> int:
    """Return a whole number from 1 up to ``most``. Raises DefinitionError, naming ``what`` it is."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1 or (most and value > most):
        raise DefinitionError(
            f"{what} is {value!r}.",
            "",
            f"Write a whole number from 1 {'up' if most is None else f'to {most:,}'}.",
        )
    return value


def length(value: Any, what: str) -> int:
    """Return a length of time in microseconds. Raises DefinitionError, naming ``what`` it is."""
    try:
        return microseconds(value, what=what)
    except InvalidDuration as error:
        raise DefinitionError(error.what, error.meaning, error.mend) from None


def named(value: Any, what: str, without: str = "") -> str:
    """Return a name, which holds none of the characters ``without``. Raises DefinitionError."""
    try:
        name = check_id(value, what)
    except InvalidId as error:
        raise DefinitionError(error.what, error.meaning, error.mend) from None
    if unfit := set(name) & set(without):
        raise DefinitionError(
            f"The {what} {name!r} holds {min(unfit)!r}.",
            "A reaction is named after its service, its handler and its event: payments.authorize#17.",
            "Write a hyphen or an underscore.",
        )
    return name


def refused(name: str, value: Any, what: str, wanted: str) -> DefinitionError:
    """Make the error that says what an option may be."""
    return DefinitionError(f"{name}={value!r} of {what} cannot be.", "", f"Write {wanted}.")
