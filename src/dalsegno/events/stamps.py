"""What a handler may know of its case's stamp, and add to it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from dalsegno.core.codec import shape_of
from dalsegno.core.execution import current
from dalsegno.core.stamps import Added, Stamped, read_stamp
from dalsegno.engine.context import step_context
from dalsegno.engine.emitting import emit_in_step
from dalsegno.errors import InvalidInput

_VALUES = shape_of(dict[str, Any])
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Stamp:
    """The parts of a case's stamp that a service may see: its own, and those that it ``reads``.

    A handler is given one as its parameter ``stamp``. It is empty where the event has none, as in a case
    that is not known by stamps; what is added there goes nowhere.
    """

    def __init__(
        self,
        service: str,
        parts: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        reads: tuple[str, ...] = (),
    ) -> None:
        self.service = service
        self._reads = (service, *reads)
        self._parts = {name: dict(part) for name, part in (parts or {}).items() if name in self._reads}

    @property
    def own(self) -> Mapping[str, Any]:
        """The part of this very service, with what was added just now."""
        return MappingProxyType(self._parts.get(self.service, {}))

    def __getitem__(self, service: str) -> Mapping[str, Any]:
        """Return a service's part, empty if it has added nothing. Raises InvalidInput if it was not declared."""
        if service not in self._reads:
            raise InvalidInput(
                f"Service {self.service} reads the part of {service} of a stamp, and does not declare it.",
                f"It may read {', '.join(self._reads)}.",
                f"Declare it: Service({self.service!r}, reads_stamp=[{service!r}]).",
                value=service,
            )
        return MappingProxyType(self._parts[service]) if service in self._parts else _NOTHING

    def add(self, **values: Any) -> None:
        """Add to this service's part, in place of what it had by these names: plain JSON values.

        It travels with the events that this attempt returns or emits, and all that follow. Raises
        NotEncodable.
        """
        data = _VALUES.encode(values, f"what {self.service} adds to a stamp")
        self._parts.setdefault(self.service, {}).update(msgspec.json.decode(data))
        info = step_context.get()
        if info is not None and current() is None:
            emit_in_step(info, Added(msgspec.json.decode(data, type=dict[str, msgspec.Raw])))


def seen(service: str, text: str | None, reads: tuple[str, ...]) -> Stamp:
    """Show a service those parts of a stamp that it declares."""
    stamp: Stamped | None = None if text is None else read_stamp(text)
    parts = {} if stamp is None else stamp.parts
    shown = {name: part for name, part in parts.items() if name == service or name in reads}
    return Stamp(service, msgspec.json.decode(msgspec.json.encode(shown)), reads=reads)
