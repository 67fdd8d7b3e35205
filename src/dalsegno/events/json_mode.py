"""CloudEvents in JSON: one event as an object, several as an array.

What is read is strict JSON in UTF-8: no byte order mark, no name twice in an object, no number that
Python cannot hold, nothing nested deeper than 100. The payload keeps its very bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

import msgspec

from dalsegno.errors import EventRefused
from dalsegno.events.envelope import (
    CORE,
    Envelope,
    charset_of,
    envelope_of,
    is_json_type,
    refusal,
    shown,
    write_time,
)

EVENT_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"
DEEPEST = 100

_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1"})
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])
_syntax = msgspec.json.Decoder(msgspec.Raw)


class _Fault(ValueError):
    """What is wrong with a JSON text, as the end of a sentence."""


def read_json(body: bytes | str) -> Envelope:
    """Read one event. Raises EventRefused, and nothing else, for whatever is no CloudEvent."""
    data = _bytes(body)
    return _envelope(checked_json(data, "event"), data)


def read_batch(body: bytes | str) -> list[Envelope]:
    """Read an array of events, which may be empty. Raises EventRefused, naming the one that is malformed."""
    data = _bytes(body)
    found = checked_json(data, "batch")
    if not isinstance(found, list):
        raise refusal("batch", f"is {_kind(found)}, and must be an array")
    envelopes = []
    for number, (each, raw) in enumerate(zip(found, _items.decode(data), strict=True), 1):
        try:
            envelopes.append(_envelope(each, bytes(raw)))
        except EventRefused as refused:
            within = f"Event {number} of {len(found)}"
            raise refusal(refused.attribute, refused.reason, mend=refused.mend, within=within) from None
    return envelopes


def write_json(envelope: Envelope) -> bytes:
    """Write one event. Raises EventRefused if its payload is not the JSON that it says it is."""
    return msgspec.json.encode(_object(envelope))


def write_batch(envelopes: Iterable[Envelope]) -> bytes:
    """Write several events as an array. Raises EventRefused as ``write_json`` does."""
    return msgspec.json.encode([_object(envelope) for envelope in envelopes])


def checked_json(data: bytes, what: str) -> Any:
    """Read JSON by the strict rules of this room. Raises EventRefused, whose attribute is ``what``."""
    try:
        found = _strict.decode(_text_of(data))
        if data.count(b"[") + data.count(b"{") > DEEPEST:
            _check_depth(found)
        if b"\\u" in data:
            msgspec.json.encode(found)  # which refuses lone surrogates
    except _Fault as fault:
        raise refusal(what, str(fault)) from None
    except RecursionError:
        raise refusal(what, _TOO_DEEP) from None
    except UnicodeEncodeError:
        raise refusal(what, "holds a lone surrogate, which is no Unicode") from None
    except json.JSONDecodeError as error:
        raise refusal(what, f"is no JSON: {error.msg[:1].lower()}{error.msg[1:]}, at {error.pos}") from None
    except ValueError:  # what Python says of an integer of thousands of digits
        raise refusal(what, "holds a number of too many digits") from None
    return found


def _envelope(found: Any, data: bytes) -> Envelope:
    if not isinstance(found, dict):
        raise refusal("event", f"is {_kind(found)}, and must be an object")
    attributes = dict(found)
    text, encoded = attributes.pop("data", None), attributes.pop("data_base64", None)
    if encoded is not None and "data" in found:
        raise refusal("data_base64", "is there beside data, and only one of them may be")
    if encoded is not None:
        return envelope_of(attributes, _decoded(encoded), binary=True)
    if "data" not in found:
        return envelope_of(attributes, None)
    content_type = attributes.get("datacontenttype")
    if not isinstance(content_type, str) or is_json_type(content_type):
        return envelope_of(attributes, bytes(_members.decode(data)["data"]))
    envelope = envelope_of(attributes, None)  # so that a malformed content type is told as such
    return msgspec.structs.replace(envelope, data=_encoded(text, content_type))


def _object(envelope: Envelope) -> dict[str, Any]:
    """Return what an envelope is in JSON, in the standard's order."""
    found: dict[str, Any] = {
        name: getattr(envelope, name) for name in CORE if getattr(envelope, name) is not None
    }
    if envelope.time is not None:
        found["time"] = write_time(envelope.time)
    found |= envelope.extensions
    name, value = data_in_json(envelope)
    return found if name is None else {**found, name: value}


def data_in_json(envelope: Envelope) -> tuple[str | None, Any]:
    """Say under which name JSON has the payload, and as what. Raises EventRefused if it is no JSON but says so."""
    data = envelope.data
    if data is None:
        return None, None
    if not envelope.binary and envelope.is_json:
        try:
            return "data", _syntax.decode(data)
        except (msgspec.DecodeError, RecursionError) as error:
            raise refusal("data", f"is not the JSON that it says it is: {error}") from None
    if not envelope.binary and envelope.datacontenttype is not None:
        charset = charset_of(envelope.datacontenttype)
        try:
            if charset in _CHARSETS:
                return "data", data.decode(charset)
        except UnicodeDecodeError:  # so it is no text, whatever it says
            pass
    return "data_base64", base64.b64encode(data).decode("ascii")


def _decoded(encoded: Any) -> bytes:
    if not isinstance(encoded, str):
        raise refusal("data_base64", f"is {_kind(encoded)}, and must be text in base64")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise refusal("data_base64", "is no base64") from None


def _encoded(text: Any, content_type: str) -> bytes:
    if not isinstance(text, str):
        raise refusal(
            "data",
            f"is {_kind(text)}, and must be text, since datacontenttype {shown(content_type)} is not JSON",
            mend="Leave out datacontenttype for JSON.",
        )
    charset = charset_of(content_type)
    try:
        return text.encode(charset if charset in _CHARSETS else "utf-8")
    except UnicodeEncodeError:
        raise refusal("data", f"holds characters that {charset} has not") from None


def _bytes(body: bytes | str) -> bytes:
    try:
        return body.encode() if isinstance(body, str) else bytes(body)
    except UnicodeEncodeError:
        raise refusal("event", "holds a lone surrogate, which is no Unicode") from None


def _text_of(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise _Fault("begins with a byte order mark, which JSON must not have")
    if b"\x00" in data[:4] or data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _Fault(f"is in {json.detect_encoding(data)}, and must be in UTF-8")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _Fault(f"is no UTF-8, at byte {error.start}") from None


_TOO_DEEP = f"is nested deeper than {DEEPEST} levels"


def _check_depth(found: Any) -> None:
    level = [found]
    for _ in range(DEEPEST + 1):
        level = [
            part
            for each in level
            for part in (each.values() if isinstance(each, dict) else each)
            if isinstance(part, dict | list)
        ]
        if not level:
            return
    raise _Fault(_TOO_DEEP)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise _Fault(f"names {shown(double)} twice in one object")
    return found


def _no_number(text: str) -> NoReturn:
    raise _Fault(f"holds {text}, which is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Fault(f"holds the number {shown(text)}, which is too large")
    return number


def _kind(value: Any) -> str:
    """Name what JSON calls a value."""
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


_strict = json.JSONDecoder(object_pairs_hook=_without_doubles, parse_constant=_no_number, parse_float=_finite)
