"""Rules of alerts, as they are declared: in code, or in a file of settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from dalsegno.core.durations import Duration, microseconds
from dalsegno.errors import DefinitionError
from dalsegno.insight.alerts.news import News

Teller: TypeAlias = Callable[[News], object]
"""Is told of an alert when it begins and when it ends; ``def`` or ``async def``."""

Target: TypeAlias = Teller | str
"""Who is told: a function, the address of a webhook, or ``"log"`` for an event on the log."""

LOG = "log"
STALLED, LATE, LAG, LETTERS, PARKED = "stalled", "late", "lag", "dead_letters", "parked"
FAILURES, COMPENSATIONS = "failures", "compensations"
_CALM, _EVERY = "30s", "15s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A rule. Made by ``Alert.stalled(…)`` and the others below; all times are in microseconds.

    ``name`` is how it is listed, and what its alerts are remembered by. ``of`` is the workflow or service
    that it is about; None is all, each for itself. ``to`` are those who are told. An alert ends once its
    condition has not held for ``calm``; it is looked at ``every`` so often.
    """

    name: str
    on: str
    of: str | None = None
    over: float = 0.0
    seconds: float | None = None
    after: int = 0
    within: int = 0
    at_least: int = 0
    to: tuple[Target, ...] = ()
    calm: int = 0
    every: int = 0

    @classmethod
    def stalled(
        cls, after: Duration, *, workflow: str | None = None, process: str | None = None, **told: Any
    ) -> Alert:
        """Tell of runs and cases in which nothing has happened for ``after``: no entry, no event, no timer ahead.

        ``told`` here and below: ``to=``, ``name=``, ``calm="30s"``, ``every="15s"``.
        """
        if workflow and process:
            raise DefinitionError(
                "Alert.stalled() was given workflow= and process=.",
                "A rule is about the runs of one, or the cases of the other.",
                "Write two rules.",
            )
        return _rule(cls, STALLED, workflow or process, told, after=microseconds(after, what="after"))

    @classmethod
    def late(cls, *, process: str | None = None, **told: Any) -> Alert:
        """Tell of processes with open cases that are past their ``due=``."""
        return _rule(cls, LATE, process, told)

    @classmethod
    def lag(
        cls,
        *,
        events: int | None = None,
        seconds: float | None = None,
        service: str | None = None,
        **told: Any,
    ) -> Alert:
        """Tell of services that are further behind the log than so many events, or seconds."""
        if events is None and seconds is None:
            raise DefinitionError(
                "Alert.lag() was given no bound.",
                "A service is always a little behind.",
                "Write Alert.lag(events=10_000), Alert.lag(seconds=60), or both.",
            )
        over = float("inf") if events is None else float(events)
        return _rule(cls, LAG, service, told, over=over, seconds=seconds)

    @classmethod
    def dead_letters(cls, over: int = 0, *, service: str | None = None, **told: Any) -> Alert:
        """Tell of services with more open dead letters than so many."""
        return _rule(cls, LETTERS, service, told, over=over)

    @classmethod
    def parked(cls, over: int = 0, *, workflow: str | None = None, **told: Any) -> Alert:
        """Tell of workflows with more parked runs than so many; dead letters are counted by themselves."""
        return _rule(cls, PARKED, workflow, told, over=over)

    @classmethod
    def failures(
        cls,
        over: float,
        *,
        within: Duration = "10m",
        at_least: int = 10,
        workflow: str | None = None,
        **told: Any,
    ) -> Alert:
        """Tell of workflows of whose runs a larger share than ``over`` failed, of those that ended ``within``.

        It takes ``at_least`` so many to say so.
        """
        return _rate(cls, FAILURES, over, within, at_least, workflow, told)

    @classmethod
    def compensations(
        cls,
        over: float,
        *,
        within: Duration = "10m",
        at_least: int = 10,
        workflow: str | None = None,
        **told: Any,
    ) -> Alert:
        """Tell of sagas of whose runs a larger share than ``over`` was undone; otherwise like ``failures``."""
        return _rate(cls, COMPENSATIONS, over, within, at_least, workflow, told)

    @property
    def is_rate(self) -> bool:
        """Whether it is about what workers have counted, and not about what is in the store."""
        return self.on in (FAILURES, COMPENSATIONS)

    @property
    def logs(self) -> bool:
        """Whether it is told as an event on the log."""
        return LOG in self.to


KINDS = {
    kind: getattr(Alert, kind) for kind in (STALLED, LATE, LAG, LETTERS, PARKED, FAILURES, COMPENSATIONS)
}


def read_rules(tables: Iterable[Mapping[str, Any]], source: str) -> list[Alert]:
    """Make rules of tables such as ``{"on": "lag", "events": 1000}``; raise DefinitionError, naming ``source``."""
    return [_read(table, source) for table in tables]


def check_rules(rules: Iterable[Alert]) -> tuple[Alert, ...]:
    """Return them; raise DefinitionError where two have one name, by which their alerts are remembered."""
    known: dict[str, Alert] = {}
    for rule in rules:
        if not isinstance(rule, Alert):
            raise DefinitionError(
                f"{rule!r} is no rule of an alert.",
                "App(alerts=[…]) takes what Alert.stalled(…) and the like make.",
                "Look at the list.",
            )
        if known.setdefault(rule.name, rule) != rule:
            raise DefinitionError(
                f"Two rules of alerts have the name {rule.name!r}.",
                "What holds is remembered by the name of its rule.",
                "Give one of them name=.",
            )
    return tuple(known.values())


def _read(table: Mapping[str, Any], source: str) -> Alert:
    given = dict(table)
    on = given.pop("on", None)
    kind = KINDS.get(on) if isinstance(on, str) else None
    if kind is None:
        raise DefinitionError(
            f"{source} has an alert on {on!r}.",
            f"There are: {', '.join(KINDS)}.",
            'Write on = "stalled", and after = "10m".',
        )
    if any(not isinstance(target, str) for target in _many(given.get("to", ()))):
        raise DefinitionError(
            f"{source}: the alert on {on!r} is told to {given['to']!r}, which is no text.",
            "In a file, who is told is the address of a webhook, or the log.",
            'Write to = "https://…", to = "log", or a list of them.',
        )
    try:
        rule: Alert = kind(**given)
    except TypeError as error:
        known = [name for name in inspect.signature(kind).parameters if name != "told"]
        raise DefinitionError(
            f"{source}: the alert on {on!r} cannot be read: {error}.",
            f"It takes {', '.join([*known, *_TOLD])}.",
            "Look at its names.",
        ) from error
    return rule


_TOLD = ("to", "name", "calm", "every")


def _rule(cls: type[Alert], on: str, of: str | None, told: Mapping[str, Any], **bounds: Any) -> Alert:
    unknown = sorted(set(told) - set(_TOLD))
    if unknown:
        raise TypeError(f"there is no {unknown[0]}=")
    name = told.get("name") or (f"{on} {of}" if of else on)
    return cls(
        name=name,
        on=on,
        of=of,
        to=tuple(map(_target, _many(told.get("to", ())))),
        calm=microseconds(told.get("calm", _CALM), what="calm"),
        every=microseconds(told.get("every", _EVERY), what="every"),
        **bounds,
    )


def _rate(
    cls: type[Alert],
    on: str,
    over: float,
    within: Duration,
    at_least: int,
    of: str | None,
    told: Mapping[str, Any],
) -> Alert:
    if not 0 <= over < 1:
        raise DefinitionError(
            f"Alert.{on}() was given over={over!r}.",
            "It is a share of the runs that ended: from 0 to 1.",
            "Write over=0.05 for one in twenty.",
        )
    window = microseconds(within, what="within")
    return _rule(cls, on, of, told, over=float(over), within=window, at_least=at_least)


def _many(to: Any) -> tuple[Any, ...]:
    return tuple(to) if isinstance(to, list | tuple) else (to,)


def _target(target: Any) -> Target:
    if callable(target) or target == LOG or str(target).startswith(("http://", "https://")):
        found: Target = target
        return found
    raise DefinitionError(
        f"{target!r} cannot be told of an alert.",
        "Who is told is a function, the address of a webhook, or the log.",
        'Write to=a_function, to="https://…", or to="log".',
    )
