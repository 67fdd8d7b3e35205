"""What statements of users may touch: their own tables in the main database, and nothing of how it is run.

SQLite asks for each thing that a statement would do while it is prepared. Users' statements are not
kept prepared, so that none of them is ever run that was not asked about, nor one of ours under their name.
"""

from __future__ import annotations

import functools
import re

import apsw

from dalsegno.errors import StatementBarred
from dalsegno.store.migrate import TABLE, read_migrations

_CREATES = re.compile(r"^\s*CREATE TABLE (?:IF NOT EXISTS )?(\w+)", re.MULTILINE)
_ROWS = frozenset({apsw.SQLITE_READ, apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})
_SHAPES = frozenset(
    {
        apsw.SQLITE_CREATE_TABLE,
        apsw.SQLITE_CREATE_INDEX,
        apsw.SQLITE_CREATE_TRIGGER,
        apsw.SQLITE_CREATE_VIEW,
        apsw.SQLITE_DROP_TABLE,
        apsw.SQLITE_DROP_INDEX,
        apsw.SQLITE_DROP_TRIGGER,
        apsw.SQLITE_DROP_VIEW,
        apsw.SQLITE_ALTER_TABLE,
    }
)
_HARMLESS = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE, apsw.SQLITE_REINDEX})


@functools.cache
def our_tables() -> frozenset[str]:
    """Name the tables that are dalsegno's, in lower case."""
    texts = [TABLE, *(step.text for step in read_migrations("sqlite"))]
    return frozenset(name.lower() for text in texts for name in _CREATES.findall(text))


class Bars:
    """The authorizer of one connection: it lets ours pass, and looks closely while a guest is in."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._down = False
        self._refused: str | None = None
        self._ours = our_tables()
        connection.authorizer = self._ask

    def lower(self) -> None:
        """Look closely from now on."""
        self._down, self._refused = True, None

    def lift(self) -> None:
        """Let everything pass again."""
        self._down = False

    def refusal(self, sql: str) -> StatementBarred | None:
        """Say what was refused of a statement, if anything was."""
        if self._refused is None:
            return None
        return StatementBarred(
            f"A statement was not let through: {self._refused} ({sql.strip()[:200]!r}).",
            "User code in a transaction has its own tables there, no temporary ones, and no say over the "
            "transaction and the database.",
            "Give your tables other names, or take the statement out.",
            sql=sql,
        )

    def _ask(
        self, action: int, one: str | None, two: str | None, database: str | None, source: str | None
    ) -> int:
        if not self._down:
            return apsw.SQLITE_OK
        refused = self._look(action, one or "", two or "", database)
        if refused is None:
            return apsw.SQLITE_OK
        self._refused = self._refused or refused
        return apsw.SQLITE_DENY

    def _look(self, action: int, one: str, two: str, database: str | None) -> str | None:
        if action == apsw.SQLITE_ALTER_TABLE:
            one, database = two, one
        if database not in (None, "main"):
            return f"it is about the database {database}"
        if action in _HARMLESS:
            return None
        if action in _ROWS:
            ours = one.lower() in self._ours
        elif action in _SHAPES:
            ours = one.lower() in self._ours or two.lower() in self._ours
        else:
            name = apsw.mapping_authorizer_function[action]
            return f"{str(name).removeprefix('SQLITE_').replace('_', ' ')} {one}".rstrip()
        if ours:
            table = two if action in _SHAPES and two.lower() in self._ours else one
            return f"the table {table} is dalsegno's"
        return None
