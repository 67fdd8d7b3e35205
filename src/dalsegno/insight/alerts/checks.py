"""Whether a rule holds, and of what: read from the store, at a cost that what has ended has no part in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dalsegno.core.clock import MINUTE, SECOND
from dalsegno.core.durations import text as length
from dalsegno.core.runs import DEAD_LETTER, PARKED
from dalsegno.insight.alerts import rules
from dalsegno.insight.alerts.rules import Alert
from dalsegno.insight.lag import read_lags
from dalsegno.store.figures import CaseGroup
from dalsegno.store.protocol import Store

ENDED, FAILED, UNDONE = "ended", "failed", "undone"  # what workers count of the runs that end, by workflow


@dataclass(frozen=True, slots=True)
class Holding:
    """A subject for which a rule holds, what was seen of it, and the command that tells more."""

    subject: str
    text: str
    value: float
    next: str = ""


async def check(rule: Alert, store: Store, namespace: str) -> list[Holding]:
    """Return the subjects for which a rule holds."""
    found = await _CHECKS[rule.on](rule, store, namespace)
    return [each for each in found if rule.of in (None, each.subject)]


async def _stalled(rule: Alert, store: Store, namespace: str) -> list[Holding]:
    now = store.now()
    found = []
    for group in await store.stalled(namespace, now - rule.after):
        example = await store.get(group.example)
        name = "" if example is None else example.id
        runs = "1 run has" if group.count == 1 else f"{group.count:,} runs have"
        text = f"{runs} not moved for {length(rule.after)}, the oldest for {length(now - group.since)}"
        command = f"dalsegno where {name}"
        found.append(Holding(group.workflow, f"{text}: {name}", group.count, command))
    for case in await store.still_cases(namespace, now - rule.after):
        cases = "1 case has" if case.count == 1 else f"{case.count:,} cases have"
        text = f"{cases} not moved for {length(rule.after)}, one that began {length(now - case.since)} ago"
        found.append(_of_cases(case, f"{text}: {case.example}"))
    return found


async def _late(rule: Alert, store: Store, namespace: str) -> list[Holding]:
    now, found = store.now(), []
    for group in await store.late_cases(namespace):
        cases = "1 open case is" if group.count == 1 else f"{group.count:,} open cases are"
        text = f"{cases} past the due time, the first for {length(max(0, now - group.since))}"
        found.append(_of_cases(group, f"{text}: {group.example}"))
    return found


def _of_cases(group: CaseGroup, text: str) -> Holding:
    return Holding(group.process, text, group.count, f"dalsegno where {group.example}")


async def _lag(rule: Alert, store: Store, namespace: str) -> list[Holding]:
    return [
        Holding(
            lag.service,
            f"{lag.events:,} events behind, the first for {length(int(lag.seconds * SECOND))}"
            f"{', and paused' if lag.paused else ''}",
            lag.events,
            f"dalsegno services show {lag.service}",
        )
        for lag in await read_lags(store, namespace)
        if lag.events > rule.over or (rule.seconds is not None and lag.seconds > rule.seconds)
    ]


async def _dead_letters(rule: Alert, store: Store, namespace: str) -> list[Holding]:
    names = {row.number: row.name for row in await store.services(namespace)}
    counts: Counter[str] = Counter()
    worst: dict[str, str] = {}
    for group in await store.dead_letter_groups(namespace):  # the largest first
        service = names.get(group.service, str(group.service))
        counts[service] += group.count
        worst.setdefault(service, group.cause)
    return [
        Holding(
            service,
            f"{count:,} dead letter{'s' if count > 1 else ''}, most of them {worst[service]}",
            count,
            "dalsegno dead-letters groups",
        )
        for service, count in counts.items()
        if count > rule.over
    ]


async def _parked(rule: Alert, store: Store, namespace: str) -> list[Holding]:
    counts: Counter[str] = Counter()
    reasons: dict[str, set[str]] = {}
    for group in await store.waiting(namespace):
        if group.parked and group.parked != DEAD_LETTER:
            counts[group.workflow] += group.count
            reasons.setdefault(group.workflow, set()).add(group.parked.removeprefix(PARKED))
    return [
        Holding(
            workflow,
            f"{count:,} parked run{'s' if count > 1 else ''}: {', '.join(sorted(reasons[workflow]))}",
            count,
            "dalsegno runs list --parked",
        )
        for workflow, count in counts.items()
        if count > rule.over
    ]


async def _rate(rule: Alert, store: Store, namespace: str) -> list[Holding]:
    counted = FAILED if rule.on == rules.FAILURES else UNDONE
    tallies = await store.tallies(namespace, (store.now() - rule.within) // MINUTE + 1)
    found = []
    for (name, workflow), ended in tallies.items():
        count = tallies.get((counted, workflow), 0)
        if name == ENDED and ended >= rule.at_least and count > rule.over * ended:
            text = f"{count:,} of {ended:,} runs {'failed' if counted == FAILED else 'were undone'}"
            text += f" within {length(rule.within)} ({count / ended:.1%})"
            found.append(Holding(workflow, text, count / ended, "dalsegno runs list --status failed"))
    return found


_CHECKS: dict[str, Callable[[Alert, Store, str], Awaitable[list[Holding]]]] = {
    rules.STALLED: _stalled,
    rules.LATE: _late,
    rules.LAG: _lag,
    rules.LETTERS: _dead_letters,
    rules.PARKED: _parked,
    rules.FAILURES: _rate,
    rules.COMPENSATIONS: _rate,
}
