"""An inbox for handlers whose rows lie in another database: exactly once there, by one table.

``once`` notes a reaction in the caller's own transaction: the note and the caller's rows are there
together or not at all, so a reaction that is tried again finds the note and leaves the rows alone.
Takes connections of DB-API modules (sqlite3, apsw, psycopg, …), and SQLAlchemy's connections and sessions.
"""

from __future__ import annotations

from typing import Any

from dalsegno.core.clock import SystemClock
from dalsegno.core.durations import Duration, microseconds
from dalsegno.core.ids import check_id
from dalsegno.engine.context import step_context, step_info
from dalsegno.errors import InvalidInput, NotInRun
from dalsegno.events.types import event_type
from dalsegno.store.inbox import KEY_MOST, Inbox


def create(connection: Any) -> None:
    """Create the table of the inbox where it is missing, in the caller's transaction."""
    Inbox(connection).create()


def once(connection: Any, event_or_key: Any = None) -> bool:
    """Note this reaction in the caller's transaction; False if it was noted before.

    Call it first in the transaction that writes the rows, and leave them alone when it says False.
    The note is named by a key, which is text: without one, or with the event that is reacted to, it is
    that of the handler, or the step, that runs here (``step_info().idempotency_key``), the same however
    often it is tried. A handler with ``batch=`` names a key for each of its events, by what they carry.
    The caller commits. Raises NotInRun where nothing runs, InvalidInput for a key or a connection that
    cannot be.
    """
    return Inbox(connection).note(_key(event_or_key), SystemClock().now())


def forget(connection: Any, older_than: Duration) -> int:
    """Remove notes older than that; return how many. Keep them for as long as an event may come again."""
    before = SystemClock().now() - microseconds(older_than, what="older_than")
    return Inbox(connection).forget(before)


def _key(given: Any) -> str:
    if given is not None and not isinstance(given, str):
        event_type(given)
    key = given if isinstance(given, str) else _own_key()
    if len(check_id(key, "key of an inbox")) > KEY_MOST:
        raise InvalidInput(
            f"{key!r} cannot be a key of an inbox.",
            "",
            f"Name it in up to {KEY_MOST} characters, or leave it out.",
        )
    return key


def _own_key() -> str:
    if step_context.get() is None:
        raise NotInRun(
            "inbox.once() was called without a key, outside a handler and a step.",
            "Only what a worker runs has an idempotency key of its own.",
            'Name what is to be done once: inbox.once(connection, "order-123/paid").',
        )
    info = step_info()
    if info.batch:
        raise InvalidInput(
            f"inbox.once() was called without a key in a batch of {info.step}.",
            "After a crash its events may come in other batches, so none of these has a name that stays.",
            'Name each event by what it carries: inbox.once(connection, f"{event.order_id}/paid").',
        )
    return info.idempotency_key
