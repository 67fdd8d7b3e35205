"""What services keep of their keys, as a program reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from dalsegno.client.desk import Desk
from dalsegno.core.clock import to_datetime
from dalsegno.core.reactions import ServiceRow
from dalsegno.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class KeptState:
    """A service's state of a key, as it was kept with the reaction to ``event``, ``at`` that time."""

    service: str
    key: str
    state: Any
    event: int
    at: datetime


async def kept_state(desk: Desk, row: ServiceRow, key: str) -> KeptState | None:
    """Read a state as its class, where this process has the service's code, else as plain data; None for none.

    Raises InvalidInput where the service keeps none at all, NotDecodable for one that is not as its class says.
    """
    if msgspec.json.decode(row.declared or b"{}").get("state") is None:
        raise InvalidInput(
            f"Service {row.name} keeps no states.",
            "It was declared without state=.",
            "Look at the name: `dalsegno services list` shows what there is.",
            service=row.name,
        )
    found = await desk.store.kept(row.number, key)
    if found is None or found.data is None:
        return None
    code = desk.known.services.get(row.name)
    shape = None if code is None else code.state_shape
    what = f"state of service {row.name}"
    state = msgspec.json.decode(found.data) if shape is None else shape.decode(found.data, what)
    return KeptState(row.name, key, state, found.event, to_datetime(found.at))
