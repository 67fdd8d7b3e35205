"""Crash workflows and services at every point, and see that they keep what they promise.

A clean play numbers the points. Then the same is played again for each point and each thing that can
befall it there, for pairs of crashes, with another order of answers, and its journals are replayed
under other hash seeds. After every play the promises of dalsegno are checked, each journal is
replayed, and the user's ``check`` is asked. ``passes`` has the passes, ``judging`` what a play must keep.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypedDict, TypeVar, Unpack, overload

from dalsegno.core.clock import SystemClock
from dalsegno.engine.definitions import Definition, Workflow
from dalsegno.events.service import Service
from dalsegno.events.types import own_event_type
from dalsegno.testing.collecting import collect
from dalsegno.testing.passes import ALL, Passes
from dalsegno.testing.plans import CrashPlan, parse_option
from dalsegno.testing.play import Play
from dalsegno.testing.player import Player
from dalsegno.testing.rehash import CHILD, NotHere
from dalsegno.testing.report import CRASH_PLAN, Exploration, announce, nth_of_test

I = TypeVar("I")
O = TypeVar("O")

Scenario = Callable[[Play], object]
Check = Callable[[Play], object]


class _Options(TypedDict, total=False):
    """How to explore; see ``explore``."""

    check: Check | None
    include: Iterable[object]
    may_repeat: Collection[Definition | str]
    passes: Collection[str]
    pairs: int
    error: Exception | None
    seed: int
    plan: str | None


class _WithServices(_Options, total=False):
    """How to explore what services may have a part in."""

    services: Iterable[Service]


@overload
def explore(workflow: Workflow[None, O], /, **options: Unpack[_WithServices]) -> Exploration: ...
@overload
def explore(workflow: Workflow[I, O], input: I, /, **options: Unpack[_WithServices]) -> Exploration: ...
@overload
def explore(scenario: Scenario, /, **options: Unpack[_WithServices]) -> Exploration: ...
@overload
def explore(event: object, /, *, services: Iterable[Service], **options: Unpack[_Options]) -> Exploration: ...
def explore(
    subject: Any,
    input: Any = None,
    /,
    *,
    services: Iterable[Service] = (),
    check: Check | None = None,
    include: Iterable[object] = (),
    may_repeat: Collection[Definition | str] = (),
    passes: Collection[str] = ALL,
    pairs: int = 2_000,
    error: Exception | None = None,
    seed: int = 0,
    plan: str | None = None,
) -> Exploration:
    """Play a workflow, an event with the services that react, or a scenario, with every mishap.

    A scenario is a function that gets a ``Play`` and does what a program would: start runs, emit, let
    time pass, signal, cancel. It is called anew for each play, so what it needs it makes itself.

    ``check`` gets the play when all has come to rest, and raises, or returns False, if something is
    not as it must be. Without it, every play must come to the same runs' ends and the same events, by type
    and key, as the clean one, unless that depends on the order of answers, or a step was cut off that
    may not run twice; and every case must end. Whatever ``check`` says, these are failures: a broken
    promise of dalsegno, a replay that differs, a clock or chance in workflow code, a run that is parked
    or a dead letter that was none in the clean play, a step that a compensated saga left standing. An
    effect that happened twice, and was given no idempotency key, is a warning; ``may_repeat`` names
    the steps, the handlers, or ``service.verb``, for which that is no harm.

    ``services`` are those that react. Workflows and steps are found among the globals of the subject's
    module and of what it names, processes and other events in the modules of the handlers; ``include``
    adds others. ``passes`` picks some of ``ALL``. Of more than ``pairs`` pairs of crashes
    as many are drawn by ``seed``; so are failing steps with a crash. ``error`` is what is raised by a
    step, a handler or a far side that is made to fail.

    ``plan`` plays one plan only, as the environment's DALSEGNO_CRASH_PLAN does, which ``pytest
    --crash-plan`` sets. Returns what was found. Raises ``MalformedPlan`` for a plan that is none.
    """
    if CHILD in os.environ:
        raise NotHere
    unknown = set(passes) - set(ALL)
    if unknown:
        raise ValueError(f"there is no pass {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    _refuse(subject, input, check)
    clock = SystemClock()
    began = clock.monotonic()
    registry, known = collect(subject, services, include)
    repeatable = {each if isinstance(each, str) else each.name for each in may_repeat}
    player = Player(_scenario(subject, input), registry, known, check, repeatable, error, seed)
    found = Exploration(_name(subject), nth_of_test())
    passed = Passes(player, found, pairs, seed)
    wanted = _wanted(plan, found.nth)
    if wanted is None:
        passed.play(passes)
    else:
        passed.replay(wanted, passes)
    found.seconds = clock.monotonic() - began
    announce(found)
    return found


def _refuse(subject: Any, input: Any, check: Any) -> None:
    """Raise ``TypeError`` for what cannot be explored, or cannot judge."""
    for function, name in ((subject, "scenario"), (check, "check")):
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"the {name} is an async def; a play has verbs that block, so write it as a def")
    if check is not None and not callable(check):
        raise TypeError(f"the check is {check!r}; it must be a function of a Play")
    if isinstance(subject, Workflow):
        return
    if isinstance(subject, Definition):
        raise TypeError(
            f"{subject.name} is a step, which nothing crashes alone: write a workflow that calls it"
        )
    if not (callable(subject) or _is_event(subject)):
        raise TypeError(f"explore() takes a workflow and its input, an event, or a scenario, not {subject!r}")
    if _is_event(subject) and input is not None:
        raise TypeError("an event has no input: name those who react with services=")
    if input is not None:
        raise TypeError("a scenario gets a Play alone: let it start its runs with the input that they need")


def _wanted(plan: str | None, nth: int) -> CrashPlan | None:
    """Return the one plan that is to be played, if any: of another exploration, the clean one here."""
    if plan is not None:
        return CrashPlan.parse(plan)
    text = os.environ.get(CRASH_PLAN)
    if not text:
        return None
    whose, wanted = parse_option(text)
    return wanted if whose == nth else CrashPlan()


def _is_event(subject: Any) -> bool:
    return own_event_type(type(subject)) is not None


def _name(subject: Any) -> str:
    return type(subject).__name__ if _is_event(subject) else getattr(subject, "__name__", repr(subject))


def _scenario(subject: Any, input: Any) -> Scenario:
    """Make the scenario that only starts a workflow, whose run must come to an end, or emits an event."""

    def starting(play: Play) -> None:
        start: Any = play.start
        start(subject, input).result()

    def emitting(play: Play) -> None:
        play.emit(subject)

    if isinstance(subject, Workflow):
        return starting
    if _is_event(subject):
        return emitting
    scenario: Scenario = subject
    return scenario
