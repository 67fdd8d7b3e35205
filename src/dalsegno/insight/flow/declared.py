"""What is declared, as values: handlers, workflows that emit, and processes make a ``Flow``."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from dalsegno.insight.flow.outcomes import Outcomes, subsets

if TYPE_CHECKING:
    from dalsegno.insight.flow.ahead import Lookout

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler as it is declared: what it takes, whether it joins that, what may follow.

    ``gives`` are all types that it may emit, ``emits`` those of them that its body emits besides what it
    returns, which ``says`` tells as its annotation does; ``undoes`` are those that it compensates.
    ``goes_on`` says that it may react in a cancelled case. ``due`` and ``within`` are microseconds.
    """

    service: str
    name: str
    takes: tuple[str, ...]
    outcomes: Outcomes = Outcomes()
    gives: tuple[str, ...] = ()
    emits: tuple[str, ...] = ()
    says: str = "None"
    joins: bool = False
    undoes: tuple[str, ...] = ()
    goes_on: bool = False
    due: int | None = None
    within: int | None = None

    @property
    def title(self) -> str:
        """Its full name: ``payments.authorize``."""
        return f"{self.service}.{self.name}"


@dataclass(frozen=True, slots=True)
class Emitter:
    """A workflow that takes part in cases by what it emits, and the events that its runs wait for.

    ``reacts`` says that a service has it as a handler: then its runs are reactions, unless somebody
    starts it besides.
    """

    name: str
    gives: tuple[str, ...]
    awaits: tuple[str, ...] = ()
    reacts: bool = False

    @property
    def outcomes(self) -> Outcomes:
        """What may still come of a run of it that has not ended: any of its events."""
        return subsets(self.gives)


@dataclass(frozen=True, slots=True)
class Process:
    """A business process as it is declared. ``ends`` are sets: all types of one end a case."""

    name: str
    starts: tuple[str, ...]
    ends: tuple[tuple[str, ...], ...] = ()
    cancel: str | None = None
    due: int | None = None

    @property
    def types(self) -> frozenset[str]:
        """All types that it names."""
        cancel = () if self.cancel is None else (self.cancel,)
        return frozenset((*self.starts, *cancel, *(name for each in self.ends for name in each)))


@dataclass(frozen=True)
class Flow:
    """All that is declared. What is found out of it once is kept, so one Flow serves many cases."""

    handlers: tuple[Handler, ...]
    emitters: tuple[Emitter, ...] = ()
    processes: Mapping[str, Process] = field(default_factory=dict)

    @functools.cached_property
    def by_title(self) -> dict[str, Handler]:
        """The handlers by their full names."""
        return {handler.title: handler for handler in self.handlers}

    @functools.cached_property
    def by_emitter(self) -> dict[str, Emitter]:
        """The workflows that emit, by name."""
        return {emitter.name: emitter for emitter in self.emitters}

    @functools.cached_property
    def takers(self) -> dict[str, tuple[Handler, ...]]:
        """Who takes an event, by its name."""
        return _by_type((name, handler) for handler in self.handlers for name in handler.takes)

    @functools.cached_property
    def givers(self) -> dict[str, tuple[Handler | Emitter, ...]]:
        """Who gives an event, by its name."""
        return _by_type((name, each) for each in self._parties for name in each.gives)

    @property
    def _parties(self) -> tuple[Handler | Emitter, ...]:
        return (*self.handlers, *self.emitters)

    @functools.cached_property
    def answered(self) -> frozenset[str]:
        """The types that some handler gives."""
        return frozenset(name for handler in self.handlers for name in handler.gives)

    @functools.cached_property
    def foreign(self) -> frozenset[str]:
        """The types that nobody here gives, but those that start or cancel a case."""
        own = {name for each in self.processes.values() for name in (*each.starts, each.cancel) if name}
        return self.types - self.givers.keys() - own

    @functools.cached_property
    def types(self) -> frozenset[str]:
        """All types that are named anywhere."""
        named = {name for each in self._parties for name in each.gives}
        taken = {name for handler in self.handlers for name in (*handler.takes, *handler.undoes)}
        return frozenset(named | taken).union(*(process.types for process in self.processes.values()))

    @functools.cached_property
    def lookout(self) -> Lookout:
        """Tells what lies ahead of what is open."""
        return _lookout(self, cancelled=False)

    @functools.cached_property
    def cancelled_lookout(self) -> Lookout:
        """The same for cancelled cases, where only what undoes goes on, and what follows the cancelling."""
        return _lookout(self, cancelled=True)

    @functools.cached_property
    def _orders(self) -> dict[str, dict[str, int]]:
        return {}

    def order(self, process: Process) -> dict[str, int]:
        """Return the types that belong to a process in the order in which it leads to them, each with its place.

        They are what the process names, and all that may come of it.
        """
        known = self._orders.get(process.name)
        if known is None:
            known = {name: place for place, name in enumerate(_order(self, process))}
            self._orders[process.name] = known
        return known

    def part(self, process: Process) -> AbstractSet[str]:
        """Return the types that belong to a process."""
        return self.order(process).keys()

    def outside(self, process: Process) -> list[str]:
        """List the types of a process that come from outside while a case is on its way."""
        return [name for name in self.order(process) if name in self.foreign]


def _by_type(pairs: Iterable[tuple[str, T]]) -> dict[str, tuple[T, ...]]:
    found: dict[str, list[T]] = {}
    for name, each in pairs:
        found.setdefault(name, []).append(each)
    return {name: tuple(each) for name, each in found.items()}


def _lookout(flow: Flow, *, cancelled: bool) -> Lookout:
    from dalsegno.insight.flow.ahead import Lookout
    from dalsegno.insight.flow.net import Net

    return Lookout(Net(flow, cancelled=cancelled))


def _order(flow: Flow, process: Process) -> dict[str, None]:
    """Gather what comes of the starts, of what else the process names, and of all that leads to it from outside."""
    order: dict[str, None] = {}
    for names in (process.starts, *process.ends, () if process.cancel is None else (process.cancel,)):
        _lead(flow, order, names)
        _gather(flow, order)
    return order


def _gather(flow: Flow, order: dict[str, None]) -> None:
    """Add what handlers need from outside, and what workflows emit that have a part in it, until that is all."""
    size = -1
    while len(order) > size:
        size = len(order)
        for handler in flow.handlers:
            _bring(flow, order, handler)
        for emitter in flow.emitters:
            if not order.keys().isdisjoint(emitter.gives):
                _lead(flow, order, emitter.gives)


def _lead(flow: Flow, order: dict[str, None], names: Iterable[str]) -> None:
    """Add types, and all that their handlers lead to, one after the other."""
    waiting = deque(names)
    while waiting:
        name = waiting.popleft()
        if name in order:
            continue
        order[name] = None
        for handler in flow.takers.get(name, ()):
            if not handler.joins or all(each in order for each in handler.takes):
                waiting += handler.gives


def _bring(flow: Flow, order: dict[str, None], handler: Handler) -> None:
    """Add the types from outside that a handler needs for what belongs to the process."""
    foreign = [name for name in handler.takes if name not in order and name in flow.foreign]
    if not foreign:
        return
    if handler.joins:
        inside = [name for name in handler.takes if name in order]
        wanted = bool(inside) and len(inside) + len(foreign) == len(handler.takes)
    else:
        wanted = not order.keys().isdisjoint(handler.gives)
    if wanted:
        _lead(flow, order, foreign)
