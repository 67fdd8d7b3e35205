"""An inbox for handlers whose rows lie in another database: exactly once there, by one table.

``once`` notes a reaction in the caller's own transaction: the note and the caller's rows are there
together or not at all, so a reaction that is tried again finds the note and leaves the rows alone.
Takes connections of DB-API modules (sqlite3, apsw, psycopg, …), and SQLAlchemy's connections and sessions.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Protocol

from dalsegno.core.clock import SystemClock
from dalsegno.core.durations import Duration, microseconds
from dalsegno.core.ids import check_id
from dalsegno.engine.context import step_context, step_info
from dalsegno.errors import InvalidInput, NotInRun
from dalsegno.events.types import event_type

TABLE = "dalsegno_inbox"
KEY_MOST = 512
"""How many characters a key may have."""

_MYSQL = frozenset({"mysql", "mariadb", "pymysql", "MySQLdb"})
_PLACES = {"qmark": "?", "format": "%s", "pyformat": "%s"}


class Runs(Protocol):
    """Runs one statement of ours in a caller's transaction; its text has ``{0}`` where a parameter stands."""

    mysql: bool

    def __call__(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run it and return how many rows it has changed."""
        ...


def create(connection: Any) -> None:
    """Create the table of the inbox where it is missing, in the caller's transaction."""
    _runs(connection)(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (reaction VARCHAR({KEY_MOST}) NOT NULL PRIMARY KEY, at BIGINT NOT NULL)"
    )


def once(connection: Any, event_or_key: Any = None) -> bool:
    """Note this reaction in the caller's transaction; False if it was noted before.

    Call it first in the transaction that writes the rows, and leave them alone when it says False.
    The note is named by a key, which is text: without one, or with the event that is reacted to, it is
    that of the handler, or the step, that runs here (``step_info().idempotency_key``), the same however
    often it is tried. A handler with ``batch=`` names a key for each of its events, by what they carry.
    The caller commits. Raises NotInRun where nothing runs, InvalidInput for a key or a connection that
    cannot be.
    """
    runs = _runs(connection)
    verb, ending = ("INSERT IGNORE", "") if runs.mysql else ("INSERT", " ON CONFLICT DO NOTHING")
    changed = runs(
        f"{verb} INTO {TABLE} (reaction, at) VALUES ({{0}}, {{1}}){ending}",
        (_key(event_or_key), SystemClock().now()),
    )
    return changed == 1


def forget(connection: Any, older_than: Duration) -> int:
    """Remove notes older than that; return how many. Keep them for as long as an event may come again."""
    before = SystemClock().now() - microseconds(older_than, what="older_than")
    return _runs(connection)(f"DELETE FROM {TABLE} WHERE at < {{0}}", (before,))


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


def _runs(connection: Any) -> Runs:
    modules = {kind.__module__.partition(".")[0] for kind in type(connection).__mro__}
    if "sqlalchemy" in modules and hasattr(connection, "execute"):
        return _SqlAlchemy(connection)
    for name in modules - {"builtins"}:
        module = sys.modules.get(name)
        if name == "apsw":
            return _Apsw(connection)
        style = getattr(module, "paramstyle", None)
        if style is not None and hasattr(connection, "cursor"):
            return _DbApi(connection, style, mysql=name in _MYSQL)
    raise InvalidInput(
        f"{connection!r} is no connection that the inbox can use.",
        "It takes those of DB-API modules, and SQLAlchemy's connections and sessions, none that are awaited.",
        "In async SQLAlchemy: await session.run_sync(inbox.once).",
    )


class _DbApi:
    """A connection of a DB-API 2.0 module, which says how its parameters are written."""

    def __init__(self, connection: Any, style: str, *, mysql: bool) -> None:
        self._connection = connection
        self._style = style
        self.mysql = mysql

    def __call__(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        cursor = self._connection.cursor()
        try:
            if self._style == "named":
                places = [f":p{place}" for place in range(len(parameters))]
                values: Any = {f"p{place}": value for place, value in enumerate(parameters)}
            elif self._style == "numeric":
                places, values = [f":{place + 1}" for place in range(len(parameters))], tuple(parameters)
            else:
                places, values = [_PLACES[self._style]] * len(parameters), tuple(parameters)
            cursor.execute(sql.format(*places), values)
            return int(cursor.rowcount)
        finally:
            cursor.close()


class _Apsw:
    """A connection of apsw, which counts for the connection and not for the cursor."""

    mysql = False

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __call__(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        before = self._connection.total_changes()
        self._connection.execute(sql.format(*"?" * len(parameters)), tuple(parameters)).fetchall()
        return int(self._connection.total_changes() - before)


class _SqlAlchemy:
    """A connection or a session of SQLAlchemy; what it is bound to says which database that is."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._text = sys.modules["sqlalchemy"].text
        bound = connection.get_bind() if hasattr(connection, "get_bind") else connection
        self.mysql = bound.dialect.name in _MYSQL

    def __call__(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        places = [f":p{place}" for place in range(len(parameters))]
        values = {f"p{place}": value for place, value in enumerate(parameters)}
        return int(self._connection.execute(self._text(sql.format(*places)), values).rowcount)
