"""A person's answer to a dead letter: found, checked, and given once."""

from __future__ import annotations

from typing import Any

import msgspec

from dalsegno.client.desk import Desk
from dalsegno.client.services import service_row
from dalsegno.core.commit import Retry, Sent, SentHow
from dalsegno.core.event import Event
from dalsegno.core.ids import check_id
from dalsegno.core.reactions import DeadLetterRow
from dalsegno.engine.calls import too_large
from dalsegno.errors import (
    DeadLetterNotFound,
    InvalidInput,
    NotDecodable,
    RedriveRefused,
    ServiceNotFound,
)
from dalsegno.events.reaction import Answer
from dalsegno.events.types import EventType, own_event_type
from dalsegno.store.log import DeadLetterQuery

CAME_BACK = 3
"""How often a dead letter may come back before somebody has to insist."""

_ENCODER = msgspec.json.Encoder()


class Answers:
    """Gives answers to dead letters of one namespace."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def row(self, number: int) -> DeadLetterRow:
        """Read a dead letter; raise ``DeadLetterNotFound``."""
        row = await self.desk.store.dead_letter(number)
        if row is not None and row.namespace == self.desk.namespace:
            return row
        raise DeadLetterNotFound(
            f"There is no dead letter {number} in {self.desk.store.address}.",
            "Numbers are those of dead letters, not of events.",
            "`dalsegno dead-letters list` shows those that are open.",
            number=number,
        )

    async def query(
        self,
        *,
        service: str | None = None,
        handler: str | None = None,
        cause: str | None = None,
        alike: int | None = None,
    ) -> DeadLetterQuery:
        """Ask by names, and by the first words of a cause; ``alike`` asks for all that failed as that one did.

        Raises ServiceNotFound.
        """
        query = DeadLetterQuery(namespace=self.desk.namespace, begins=cause)
        if alike is not None:
            row = await self.row(alike)
            query = msgspec.structs.replace(query, service=row.service, handler=row.handler, cause=row.cause)
        if service is None and handler is not None:
            service, _, handler = handler.partition(".")
        if service is not None:
            known = await service_row(self.desk, service)
            query = msgspec.structs.replace(query, service=known.number)
            if handler is not None:
                number = await self._handler(known.number, service, handler)
                query = msgspec.structs.replace(query, handler=number)
        return query

    async def _handler(self, service: int, name: str, handler: str) -> int:
        rows = await self.desk.store.handlers(service)
        for row in rows:
            if row.name == handler:
                return row.number
        raise ServiceNotFound(
            f"Service {name} has no handler {handler!r} in {self.desk.store.address}.",
            f"It has: {', '.join(row.name for row in rows) or 'none'}.",
            f"`dalsegno services show {name}` shows them.",
            service=name,
        )

    async def give(self, number: int, answer: Answer, by: str, *, force: bool) -> bool:
        """Give an answer to a dead letter that is open; False for one that is not."""
        row = await self.row(number)
        if row.state != "open":
            return False
        if not force and (why_not := refusal(row)):
            raise RedriveRefused(
                f"Dead letter {number} is not redriven: {why_not}.",
                f"Its last error: {row.error}",
                "Mend what fails, edit the event, or insist: force=True (--force).",
                number=number,
            )
        run = await self.desk.store.get(row.run)
        if run is None:
            return False
        if by:
            check_id(by, "name of who says so")
        retry = Retry(self.desk.namespace, run.id, by, _ENCODER.encode(answer), answer.why)
        sent = await self.desk.write(retry)
        assert isinstance(sent, Sent)
        return sent.how is SentHow.ACCEPTED

    async def edit(self, number: int, data: Any, by: str, why: str) -> bool:
        """Give an answer with other data, which must fit the event's class as far as it is known here."""
        row = await self.row(number)
        event = await self.desk.store.event(row.event)
        written = _written(data)
        if event is not None:
            self._check(number, row, event, data, written)
        if len(written) > self.desk.limits.payload:
            raise too_large(f"dead letter {number}", len(written), self.desk.limits.payload, "")
        answer = Answer("redrive", why, msgspec.Raw(written))
        return await self.give(number, answer, by, force=True)

    def _check(self, number: int, row: DeadLetterRow, event: Event, data: Any, written: bytes) -> None:
        kind = own_event_type(type(data)) or self._kind(event)
        if kind is None:
            return
        if kind.name != event.type or event.version not in (0, kind.version):
            raise _misfit(
                number, f"it is an {event.type} (version {event.version}), and this an {kind.title}"
            )
        try:
            key = kind.key_of(kind.decode(written))
        except NotDecodable as error:
            raise _misfit(
                number, f"the data does not fit {kind.title}: {error.__cause__ or error.what}"
            ) from error
        if key != row.key and row.key is not None:
            raise _misfit(number, f"its key would be {key!r} instead of {row.key!r}, and keys keep the order")

    def _kind(self, event: Event) -> EventType[Any] | None:
        types = self.desk.known.types
        return types.of(event.type, event.version) if event.version else types.latest(event.type)


def refusal(row: DeadLetterRow) -> str | None:
    """Say why a dead letter is not tried again without insisting, if so."""
    back = row.times - 1
    return None if back < CAME_BACK else f"it came back {back} times already"


def _written(data: Any) -> bytes:
    kind = own_event_type(type(data))
    if kind is not None:
        return kind.encode(data)
    if not isinstance(data, bytes | msgspec.Raw):
        return _ENCODER.encode(data)
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"The edited data is no JSON: {error}.",
            "Nothing was redriven.",
            "Give the whole data of the event, as `dalsegno events show` prints it.",
            value=data,
        ) from error
    return bytes(data)


def _misfit(number: int, why: str) -> RedriveRefused:
    return RedriveRefused(
        f"Dead letter {number} is not edited: {why}.",
        "The handler would be called with what its event cannot be.",
        f"`dalsegno dead-letters show {number}` shows the data as it is.",
        number=number,
    )
