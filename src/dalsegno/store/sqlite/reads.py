"""How a store reads: a few rows by their key in place, anything longer on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

import apsw

from dalsegno.errors import StoreError
from dalsegno.store.queries import Query
from dalsegno.store.sqlite.errors import translate
from dalsegno.store.sqlite.file import StoreFile
from dalsegno.store.sqlite.lane import Lane
from dalsegno.store.verbs.group import Ask

T = TypeVar("T")


class Reads:
    """The two connections that read, and the ways to use them."""

    def __init__(self, file: StoreFile, queries: Mapping[str, Query]) -> None:
        self._file = file
        self._queries = queries
        self._watch: apsw.Connection | None = None
        self._reader: apsw.Connection | None = None
        self._reading: Lane | None = None

    @property
    def address(self) -> str:
        """How a person names the store."""
        return f"sqlite:///{self._file.path}"

    def _point(self, name: str, *parameters: Any) -> list[Any]:
        """Read a few rows by their key, in place: a thread would cost more than the read."""
        if self._watch is None:
            raise self._closed()
        try:
            return self._watch.execute(self._queries[name].text, parameters).fetchall()
        except apsw.Error as error:
            raise self._explained(error) from error

    def _here(self, job: Callable[[apsw.Connection], T]) -> T:
        """Do a short read in place."""
        if self._watch is None:
            raise self._closed()
        return self._told(job, self._watch)

    def _ask(self, verb: Generator[Ask, Any, T]) -> T:
        """Let a verb that only reads ask for its rows, one by its key after the other."""
        try:
            name, parameters = next(verb)
            while True:
                name, parameters = verb.send(self._point(name, *parameters))
        except StopIteration as end:
            value: T = end.value
            return value

    async def _select(self, name: str, *parameters: Any) -> list[Any]:
        return await self._read(lambda connection: self._rows(connection, name, *parameters))

    def _rows(self, connection: apsw.Connection, name: str, *parameters: Any) -> list[Any]:
        return connection.execute(self._queries[name].text, parameters).fetchall()

    async def _read(self, job: Callable[[apsw.Connection], T]) -> T:
        lane, reader = self._reading, self._reader
        if lane is None or reader is None:
            raise self._closed()

        return await lane.run(lambda: self._told(job, reader))

    def _told(self, job: Callable[[apsw.Connection], T], connection: apsw.Connection) -> T:
        """Do a read, and say in our words what concerns the whole store."""
        try:
            return job(connection)
        except apsw.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: apsw.Error) -> Exception:
        return translate(error, self._file.path) or error

    def _closed(self) -> StoreError:
        return StoreError(
            f"The store {self.address} is not open.",
            "Nothing was read or written.",
            "Use the App in a `with` block.",
        )
