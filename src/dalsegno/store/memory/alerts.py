"""Alerts: one session looks after a rule, and what it sees is one row for as long as it holds."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from dalsegno.core.alerts import AlertRow, Seen, Tally, Tell, Told, Watch
from dalsegno.core.commit import Done, Refused
from dalsegno.store.memory.tables import Tables
from dalsegno.store.verbs.alerts import over


class AlertVerbs(Tables):
    """What the items mean that are about alerts; and what is read of them."""

    def _watch(self, item: Watch) -> Done:
        key = (item.namespace, item.rule)
        session, until = self._watches.get(key, (item.session, 0))
        if session == item.session or until < self.lease_now():
            self._watches[key] = item.session, self.lease_now() + item.lease
            return Done(1)
        return Done(0)

    def _see(self, item: Seen) -> Done | Refused:
        watcher = self._watches.get((item.namespace, item.rule))
        if watcher is None or watcher[0] != item.session:
            return Refused.STALE
        known = self._open_alert(item)
        if known is None:
            return self._begin(item) if item.holds else Done(0)
        now = self.now()
        if item.holds:
            self._alerts[known.number] = replace(known, text=item.text, value=item.value, seen_at=now)
        elif over(known, item, now):
            self._alerts[known.number] = replace(known, ended_at=now)
            self._emitted += [(event, None) for event in (item.ended,) if event is not None]
            return Done(1)
        return Done(0)

    def _open_alert(self, item: Seen) -> AlertRow | None:
        wanted = (item.namespace, item.rule, item.subject)
        for row in self._alerts.values():
            if row.ended_at is None and (row.namespace, row.rule, row.subject) == wanted:
                return row
        return None

    def _begin(self, item: Seen) -> Done:
        number, now = len(self._alerts) + 1, self.now()
        said = (item.namespace, item.rule, item.subject, item.text, item.value)
        self._alerts[number] = AlertRow(number, *said, now, now, None, Told.NOTHING)
        self._emitted += [(event, None) for event in (item.began,) if event is not None]
        return Done(1)

    def _tell_alert(self, item: Tell) -> Done:
        row = self._alerts.get(item.number)
        if row is None or row.told >= item.told:
            return Done(0)
        self._alerts[item.number] = replace(row, told=item.told)
        return Done(1)

    def _tally(self, item: Tally) -> Done:
        for name, subject, count in item.counts:
            self._tallies[item.namespace, item.minute, name, subject, item.session] = count
        for key in [key for key in self._tallies if key[0] == item.namespace and key[1] < item.keep]:
            del self._tallies[key]
        return Done(len(item.counts))

    # -- reading

    async def open_alerts(self, namespace: str) -> list[AlertRow]:
        return [row for row in self._of_namespace(namespace) if row.ended_at is None]

    async def untold_alerts(self, namespace: str, rule: str) -> list[AlertRow]:
        return [row for row in self._of_namespace(namespace) if row.rule == rule and row.told < Told.ENDED]

    async def alerts(self, namespace: str, limit: int = 100) -> list[AlertRow]:
        return self._of_namespace(namespace)[::-1][:limit]

    async def tallies(self, namespace: str, minute: int) -> dict[tuple[str, str], int]:
        found: Counter[tuple[str, str]] = Counter()
        for (where, when, name, subject, _), count in sorted(self._tallies.items()):
            if where == namespace and when >= minute:
                found[name, subject] += count
        return dict(found)

    def _of_namespace(self, namespace: str) -> list[AlertRow]:
        return [row for _, row in sorted(self._alerts.items()) if row.namespace == namespace]
