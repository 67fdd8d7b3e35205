"""An event of the log as other programs see it, and theirs as the log keeps it.

The log has the payload as JSON, whatever it is outside: text as a JSON string, octets as one in base64.
What no column holds is kept beside it (``extra``), so that a foreign event leaves as it came.
"""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import quote

import msgspec

from dalsegno.core.event import Event, NewEvent
from dalsegno.core.ids import check_id
from dalsegno.errors import InvalidId
from dalsegno.events.envelope import Envelope, Value, charset_of, is_json_type
from dalsegno.events.json_mode import data_in_json

UNSAID = 0
"""The version of an event that came without one: it is read as whatever a handler wants."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_URI_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in r'"%<>\^`{|}')


class Extra(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a CloudEvent says that the log has no column for."""

    subject: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    base64: bool = False
    extensions: dict[str, Value] = {}


_extras = msgspec.json.Decoder(Extra)


def from_envelope(envelope: Envelope, namespace: str = "default") -> NewEvent:
    """Make of a foreign event one that can be written: with its own source and id, by which it is known.

    Its ``key``, ``case``, ``traceparent`` and ``version`` become ours where they are of our form; all
    else is kept. Its ``cause`` is kept as it is: it names no event of this log. Raises EventRefused if
    its payload is not the JSON that it says it is.
    """
    left = dict(envelope.extensions)
    name, value = data_in_json(envelope)
    extra = Extra(
        subject=envelope.subject,
        datacontenttype=envelope.datacontenttype,
        dataschema=envelope.dataschema,
        base64=name == "data_base64",
    )
    key = _taken(left, "key", envelope.key)
    case = _taken(left, "case", envelope.case)
    traceparent = envelope.traceparent
    if traceparent is not None and _TRACEPARENT.fullmatch(traceparent):
        del left["traceparent"]
    else:
        traceparent = None
    version = envelope.version
    if version is not None and left["version"] == version:
        del left["version"]
    extra = msgspec.structs.replace(extra, extensions=left)
    return NewEvent(
        type=envelope.type,
        namespace=namespace,
        version=version or UNSAID,
        source=envelope.source,
        id=envelope.id,
        key=key,
        case_id=case,
        traceparent=traceparent,
        time=envelope.time,
        data=None if name is None else msgspec.json.encode(value),
        extra=None if extra == Extra() else msgspec.json.encode(extra),
    )


def to_envelope(event: Event) -> Envelope:
    """Show an event of the log as a CloudEvent. One that a run or handler emitted has its number as its id."""
    extra = Extra() if event.extra is None else _extras.decode(event.extra)
    is_ours = event.id is None or not event.source
    ours: dict[str, Value | None] = {
        "case": event.case_id,
        "cause": None if event.cause is None else str(event.cause),
        "traceparent": event.traceparent,
        "key": event.key,
        "version": event.version or None,
    }
    return Envelope(
        id=event.id if event.id is not None else str(event.number),
        source=source_of(event.namespace, event.source) if is_ours else event.source,
        type=event.type,
        subject=extra.subject,
        time=event.happened_at,
        datacontenttype=extra.datacontenttype or ("application/json" if is_ours else None),
        dataschema=extra.dataschema,
        data=_payload(event.data, extra),
        binary=extra.base64,
        extensions={name: value for name, value in ours.items() if value is not None} | extra.extensions,
    )


def source_of(namespace: str, emitter: str) -> str:
    """Name the source of our own events, as a URI: ``dalsegno:default/payments.authorize``.

    Those of a client, which has no name, have the namespace alone.
    """
    return "dalsegno:" + quote(f"{namespace}/{emitter}" if emitter else namespace, safe=_URI_SAFE)


def _payload(data: bytes | None, extra: Extra) -> bytes | None:
    if data is None or (not extra.base64 and _is_json(extra.datacontenttype)):
        return data
    text: str = msgspec.json.decode(data, type=str)
    if extra.base64:
        return base64.b64decode(text)
    return text.encode(charset_of(extra.datacontenttype or ""))


def _is_json(content_type: str | None) -> bool:
    return content_type is None or is_json_type(content_type)


def _taken(left: dict[str, Any], name: str, value: str | None) -> str | None:
    """Take an attribute for a column of ours, if it fits there; it stays beside it unless it is the same."""
    try:
        found = None if value is None else check_id(value, name)
    except InvalidId:
        return None
    if found is not None and left[name] == found:
        del left[name]
    return found
