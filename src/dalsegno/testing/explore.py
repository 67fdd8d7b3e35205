"""Crash a workflow at every point, and see that it keeps what it promises.

A clean play numbers the points. Then the same is played again for each point and each thing that can
befall it there, for pairs of crashes, with another order of answers, and its journals are replayed
under other hash seeds. After every play the promises of dalsegno are checked, each journal is
replayed, and the user's ``check`` is asked. ``passes`` has the passes, ``judging`` what a play must keep.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar, overload

from dalsegno.core.clock import SystemClock
from dalsegno.engine.definitions import Definition, Workflow
from dalsegno.engine.registry import Registry
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


@overload
def explore(
    workflow: Workflow[None, O],
    /,
    *,
    check: Check | None = None,
    include: Iterable[object] = (),
    may_repeat: Collection[Definition | str] = (),
    passes: Collection[str] = ALL,
    pairs: int = 2_000,
    error: Exception | None = None,
    seed: int = 0,
    plan: str | None = None,
) -> Exploration: ...
@overload
def explore(
    workflow: Workflow[I, O],
    input: I,
    /,
    *,
    check: Check | None = None,
    include: Iterable[object] = (),
    may_repeat: Collection[Definition | str] = (),
    passes: Collection[str] = ALL,
    pairs: int = 2_000,
    error: Exception | None = None,
    seed: int = 0,
    plan: str | None = None,
) -> Exploration: ...
@overload
def explore(
    scenario: Scenario,
    /,
    *,
    check: Check | None = None,
    include: Iterable[object] = (),
    may_repeat: Collection[Definition | str] = (),
    passes: Collection[str] = ALL,
    pairs: int = 2_000,
    error: Exception | None = None,
    seed: int = 0,
    plan: str | None = None,
) -> Exploration: ...
def explore(
    subject: Any,
    input: Any = None,
    /,
    *,
    check: Check | None = None,
    include: Iterable[object] = (),
    may_repeat: Collection[Definition | str] = (),
    passes: Collection[str] = ALL,
    pairs: int = 2_000,
    error: Exception | None = None,
    seed: int = 0,
    plan: str | None = None,
) -> Exploration:
    """Play a workflow, or a scenario, with every mishap; return what was found.

    A scenario is a function that gets a ``Play`` and does what a program would: start runs, let time
    pass, signal, cancel. It is called anew for each play, so what it needs it makes itself.

    ``check`` gets the play when all has come to rest, and raises, or returns False, if something is
    not as it must be. Without it, every play must end as the clean one did, unless that depends on the
    order in which steps answer, or a step was cut off that may not run twice. Whatever ``check`` says,
    these are failures: a broken promise of dalsegno, a replay that differs, a clock or chance in
    workflow code, a run that is parked, a step that a compensated saga left standing. An effect that
    happened twice, and was given no idempotency key, is a warning; ``may_repeat`` names the steps, or
    ``service.verb``, for which that is no harm.

    Workflows and steps are found among the globals of the subject's module and of what it names;
    ``include`` adds others. ``passes`` picks some of ``ALL``. Of more than ``pairs`` pairs of crashes
    as many are drawn by ``seed``; so are failing steps with a crash. ``error`` is what a step raises
    that is made to fail.

    ``plan`` plays one plan only, as the environment's DALSEGNO_CRASH_PLAN does, which ``pytest
    --crash-plan`` sets. Raises ``MalformedPlan`` for one that is none.
    """
    if CHILD in os.environ:
        raise NotHere
    unknown = set(passes) - set(ALL)
    if unknown:
        raise ValueError(f"there is no pass {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    _refuse(subject, input, check)
    clock = SystemClock()
    began = clock.monotonic()
    scenario = _starting(subject, input) if isinstance(subject, Workflow) else subject
    repeatable = {each if isinstance(each, str) else each.name for each in may_repeat}
    player = Player(scenario, registry_for(subject, include), check, repeatable, error, seed)
    found = Exploration(getattr(subject, "__name__", repr(subject)), nth_of_test())
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
    if not callable(subject):
        raise TypeError(f"explore() takes a workflow and its input, or a scenario, not {subject!r}")
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


def _starting(workflow: Workflow[Any, Any], input: Any) -> Scenario:
    """Make the scenario that only starts a workflow; its run must come to an end."""

    def scenario(play: Play) -> None:
        starting: Any = play.start
        starting(workflow, input).result()

    return scenario


def registry_for(subject: Any, include: Iterable[object]) -> Registry:
    """Collect what a subject needs: the definitions of its module, and those that its workflows name."""
    registry = Registry()
    registry.add(include)
    seen: set[int] = set()
    function = getattr(subject, "func", getattr(subject, "__func__", subject))
    if isinstance(subject, Workflow):
        _add(registry, subject, seen)
    else:
        registry.add_found(getattr(function, "__globals__", {}))
        _add_named(registry, function, seen)
    for workflow in list(registry.workflows.values()):
        _add(registry, workflow, seen)
    registry.check()
    return registry


def _add(registry: Registry, workflow: Workflow[Any, Any], seen: set[int]) -> None:
    if id(workflow) not in seen:
        seen.add(id(workflow))
        registry.add([workflow])
        _add_named(registry, workflow.function, seen)


def _add_named(registry: Registry, function: Any, seen: set[int]) -> None:
    """Add the definitions that a function names: globals, variables around it, attributes of modules."""
    code = getattr(function, "__code__", None)
    if code is None:
        return
    names = {name for each in _codes(code) for name in (*each.co_names, *each.co_freevars)}
    namespace = dict(function.__globals__)
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            namespace[name] = cell.cell_contents
        except ValueError:  # not given a value yet
            continue
    for name in names & namespace.keys():
        thing = namespace[name]
        inside = vars(thing) if type(thing) is type(os) else {}
        for each in (thing, *(inside[attribute] for attribute in names & inside.keys())):
            if isinstance(each, Workflow):
                _add(registry, each, seen)
            elif isinstance(each, Definition):
                registry.add([each])


def _codes(code: Any) -> Iterable[Any]:
    yield code
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            yield from _codes(constant)
