"""Whether all is well with services: what stands still, is paused, has no worker, or has dead letters."""

from __future__ import annotations

from dalsegno.core.durations import text as length
from dalsegno.core.reactions import ServiceRow
from dalsegno.insight.findings import Finding
from dalsegno.insight.workers import Workers
from dalsegno.store.protocol import Store


async def examine_services(store: Store, namespace: str, workers: Workers) -> list[Finding]:
    """Look the services of a namespace over; one finding for each, and one for the dead letters."""
    findings = [await _service(store, row, workers) for row in await store.services(namespace)]
    groups = await store.dead_letter_groups(namespace)
    if groups:
        count = sum(group.count for group in groups)
        text = f"{count:,} dead letter{'s wait' if count > 1 else ' waits'} for a person"
        text += f", most of them {groups[0].cause}" if len(groups) > 1 else f": {groups[0].cause}"
        findings.append(Finding("letters", "bad", text, "dalsegno dead-letters groups shows them."))
    return findings


async def _service(store: Store, row: ServiceRow, workers: Workers) -> Finding:
    head, parts = await store.head(), await store.partitions(row.number)
    position = min((part.position for part in parts), default=head.last)
    behind = max(0, head.last - max(position, head.first - 1))
    if position < head.first - 1:
        text = f"{row.name} stands still: retention removed {head.first - 1 - position:,} events that it had not read"
        mend = f"Bring it up to date by other means, then: dalsegno services skip {row.name}"
        return Finding("service", "bad", text, mend)
    lag = f", {behind:,} events behind" if behind else ""
    if row.paused_at is not None:
        by = f" by {row.paused_by}" if row.paused_by else ""
        since = length(max(0, store.now() - row.paused_at))
        text = f"{row.name} has been paused{by} for {since}{lag}"
        return Finding("service", "note", text, f"dalsegno services resume {row.name}")
    if behind and not await _has_worker(store, row, workers):
        text = f"{row.name}: no live worker has its code{lag}"
        return Finding("service", "bad", text, "Start a worker with that code: dalsegno worker FILE.py")
    opened = [
        handler.name
        for handler in await store.handlers(row.number)
        if (handler.open_until or 0) > store.now()
    ]
    if opened:
        return Finding("service", "note", f"{row.name}: circuit open: {', '.join(opened)}{lag}")
    return Finding(
        "service", "ok", f"{row.name} is {f'{behind:,} events behind' if behind else 'up to date'}"
    )


async def _has_worker(store: Store, row: ServiceRow, workers: Workers) -> bool:
    titles = [f"{row.name}.{handler.name}" for handler in await store.handlers(row.number)]
    return any(workers.versions(title) for title in titles)
