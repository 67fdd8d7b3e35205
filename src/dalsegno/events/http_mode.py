"""CloudEvents over HTTP: attributes as ``ce-`` headers beside the bare payload, or all of it in JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote_to_bytes

from dalsegno.errors import EventRefused
from dalsegno.events.envelope import CORE, Envelope, envelope_of, refusal, shown, write_time
from dalsegno.events.json_mode import BATCH_TYPE, EVENT_TYPE, checked_json, read_batch, read_json

PREFIX = "ce-"
CONTENT_TYPE = "content-type"
JSON_TYPE = "application/json"

_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


def read_http(headers: Headers, body: bytes) -> list[Envelope]:
    """Read the events of a message in whichever of the three modes it came: by its content type.

    Raises EventRefused, and nothing else, for whatever is no CloudEvent.
    """
    found = _lowered(headers)
    media_type = found.get(CONTENT_TYPE, "").partition(";")[0].strip().lower()
    if media_type == BATCH_TYPE:
        return read_batch(body)
    if media_type == EVENT_TYPE:
        return [read_json(body)]
    if media_type.startswith("application/cloudevents"):
        raise refusal(
            CONTENT_TYPE, f"is {shown(media_type)}, a format that we have not", mend=f"Send {EVENT_TYPE}."
        )
    return [read_binary(found, body)]


def read_binary(headers: Headers, body: bytes) -> Envelope:
    """Read one event whose attributes are headers. Raises EventRefused, and nothing else."""
    found = _lowered(headers)
    attributes = {
        name.removeprefix(PREFIX): _unescaped(name, value)
        for name, value in found.items()
        if name.startswith(PREFIX)
    }
    if "datacontenttype" in attributes:
        raise refusal("ce-datacontenttype", "is there, and only content-type may say it")
    return with_payload(attributes, found.get(CONTENT_TYPE), body)


def with_payload(attributes: Mapping[str, str], content_type: str | None, body: bytes) -> Envelope:
    """Make an envelope of attributes as text and a bare payload: what binary modes of all protocols share.

    No bytes are no payload. One that says nothing of its format is JSON if it can be read as such,
    else it is opaque. Raises EventRefused.
    """
    envelope = envelope_of({**attributes, "datacontenttype": content_type}, body or None)
    if envelope.data is None or not envelope.is_json:
        return envelope
    try:
        checked_json(envelope.data, "data")
    except EventRefused:
        if content_type is not None:
            raise
        return envelope_of(attributes, body, binary=True)
    return envelope


def write_binary(envelope: Envelope) -> tuple[dict[str, str], bytes]:
    """Write one event as headers and body.

    JSON that did not say so now does, since nothing else tells it here. An event whose payload is
    empty cannot be told from one without.
    """
    headers = {}
    for name in CORE:
        if name != "datacontenttype" and (value := getattr(envelope, name)) is not None:
            headers[PREFIX + name] = _escaped(write_time(value) if name == "time" else value)
    for name, value in envelope.extensions.items():
        headers[PREFIX + name] = _escaped(canonical(value))
    content_type = envelope.datacontenttype
    if content_type is None and envelope.data is not None and not envelope.binary:
        content_type = JSON_TYPE
    if content_type is not None:
        headers[CONTENT_TYPE] = content_type
    return headers, envelope.data or b""


def canonical(value: str | int | bool) -> str:
    """Write an attribute as text: booleans as true and false."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lowered(headers: Headers) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        lower = name.lower()
        if lower in found and (lower.startswith(PREFIX) or lower == CONTENT_TYPE):
            raise refusal(lower, "is there twice")
        found[lower] = value
    return found


def _escaped(text: str) -> str:
    return quote(text, safe=_SAFE)


def _unescaped(name: str, value: str) -> str:
    if not value.isascii():
        raise refusal(name, "holds characters beyond ASCII", mend="Percent-encode them, as UTF-8.")
    plain = _QUOTED.sub(lambda quoted: re.sub(r"\\(.)", r"\1", quoted[1]), value.strip(" \t"))
    try:
        return unquote_to_bytes(plain).decode()
    except UnicodeDecodeError:
        raise refusal(name, f"is {shown(value)}, whose percent-encoding is no UTF-8") from None
