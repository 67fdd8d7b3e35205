"""Our one table in a database of the user's, through whatever connection the user has to it.

Takes connections of DB-API modules (sqlite3, apsw, psycopg, …), and SQLAlchemy's connections and sessions.
Nothing here commits: the transaction is the caller's.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from dalsegno.errors import InvalidInput

TABLE = "dalsegno_inbox"
KEY_MOST = 512
"""How many characters a key may have."""

_MYSQL = frozenset({"mysql", "mariadb", "pymysql", "MySQLdb"})
_PLACES = {"qmark": "?", "format": "%s", "pyformat": "%s"}


class Inbox:
    """The table, seen through a connection. Raises InvalidInput for one that cannot be used."""

    def __init__(self, connection: Any) -> None:
        self._runs = _runs(connection)

    def create(self) -> None:
        """Create it where it is missing."""
        key = f"reaction VARCHAR({KEY_MOST}) NOT NULL PRIMARY KEY"
        self._runs(f"CREATE TABLE IF NOT EXISTS {TABLE} ({key}, at BIGINT NOT NULL)")

    def note(self, key: str, at: int) -> bool:
        """Note a key; False where it is there already, also when another transaction is about to commit it."""
        mysql = self._runs.mysql
        verb, ending = ("INSERT IGNORE", "") if mysql else ("INSERT", " ON CONFLICT DO NOTHING")
        return self._runs(f"{verb} INTO {TABLE} (reaction, at) VALUES ({{0}}, {{1}}){ending}", (key, at)) == 1

    def forget(self, before: int) -> int:
        """Remove what was noted before a moment; return how many rows that was."""
        return self._runs(f"DELETE FROM {TABLE} WHERE at < {{0}}", (before,))


class Runs(Protocol):
    """Runs one statement of ours in a caller's transaction; its text has ``{0}`` where a parameter stands."""

    mysql: bool

    def __call__(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run it and return how many rows it has changed."""
        ...


def _runs(connection: Any) -> Runs:
    kinds = [kind.__module__ for kind in type(connection).__mro__]
    awaited = inspect.iscoroutinefunction(getattr(connection, "commit", None))
    if not awaited and any(name.partition(".")[0] == "sqlalchemy" for name in kinds):
        return _SqlAlchemy(connection)
    if "apsw" in kinds:
        return _Apsw(connection)
    styles = [found for name in kinds if (found := _style_of(name)) is not None]
    if not awaited and styles and hasattr(connection, "cursor"):
        package, style = styles[0]
        return _DbApi(connection, style, mysql=package in _MYSQL)
    raise InvalidInput(
        f"{connection!r} is no connection that the inbox can use.",
        "It takes those of DB-API modules, and SQLAlchemy's connections and sessions, none that are awaited.",
        "In async SQLAlchemy: await session.run_sync(inbox.once).",
    )


def _style_of(name: str) -> tuple[str, str] | None:
    """Return the package of a DB-API module and how its parameters are written, told by it or a parent."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        style = getattr(sys.modules.get(".".join(parts[:end])), "paramstyle", None)
        if isinstance(style, str):
            return parts[0], style
    return None


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
