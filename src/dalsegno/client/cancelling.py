"""What it takes to cancel a case: its event on the log, and an end to the runs that belong to it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from dalsegno.client.desk import Desk
from dalsegno.core.commit import Send
from dalsegno.core.entries import Kind
from dalsegno.core.runs import Run
from dalsegno.store.protocol import RunQuery

_UNDER_WAY = ("pending", "running", "waiting")
_PAGE = 1_000


async def cancel_runs(desk: Desk, names: Iterable[str], number: int, sender: str) -> None:
    """Ask for the runs of a case to be cancelled that did not come of its cancelling, which is event ``number``.

    Those are of the case that were started for it, and the run that is named like it.
    """
    for name in names:
        query = RunQuery(namespace=desk.namespace, statuses=_UNDER_WAY, case_id=name, limit=_PAGE)
        while rows := await desk.store.runs(query):
            for row in rows:
                await _cancel(desk, row, number, sender)
            query = replace(query, before=rows[-1].number)
        own = await desk.store.find(desk.namespace, name)
        if own is not None and own.case_id is None and not own.status.ended:
            await _cancel(desk, own, number, sender)


async def _cancel(desk: Desk, run: Run, number: int, sender: str) -> None:
    if run.cause is None or run.cause < number:  # the others undo
        await desk.write(Send(Kind.CANCEL, run=run.number, id="cancel", source=sender, release=True))
