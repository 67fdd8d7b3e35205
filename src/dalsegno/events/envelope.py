"""The CloudEvents 1.0 envelope, as a value: what is there is well formed.

Its attributes are checked where it is made, so whoever has one need not ask again. The two ways to
write it down are in ``json_mode`` and ``http_mode``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeAlias

import msgspec

from dalsegno.core.clock import from_datetime, to_datetime
from dalsegno.errors import EventRefused

SPECVERSION = "1.0"
LONGEST = 1_024
"""The longest id, source, type or subject, in characters: the log is searched by them."""

Value: TypeAlias = str | int | bool
"""What an extension attribute may be."""

CORE = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
"""The attributes that the standard names, in the order in which we write them."""

_NAME = re.compile(r"[a-z0-9]+")
_RESERVED = frozenset({*CORE, "data"})
_UNFIT = re.compile(  # control characters, surrogates and the noncharacters of Unicode
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
    + "]"
)
_NO_URI = re.compile(r"""[\x00-\x20"<>\\^`{|}\x7f]|%(?![0-9A-Fa-f]{2})""")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:.")
_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_MEDIA_TYPE = re.compile(  # possessive, so that no text makes it try many ways
    rf"""{_WORD}/{_WORD}(?:\s*+;\s*+(?:{_WORD}=(?:{_WORD}|"[^"]*+"))?+)*+\s*+"""
)
_CHARSET = re.compile(r';\s*charset="?([^";\s]+)"?', re.IGNORECASE)
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One event as CloudEvents 1.0 has it. Raises EventRefused if an attribute is malformed.

    ``time`` is in microseconds UTC. ``data`` is the payload's bytes, in the format that
    ``datacontenttype`` names (JSON if it names none); None is no payload, and ``b"null"`` the JSON
    value null. ``binary`` says that in JSON it was, and will be, written as base64. ``extensions``
    are all other attributes, ours among them.
    """

    id: str
    source: str
    type: str
    specversion: str = SPECVERSION
    subject: str | None = None
    time: int | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: bytes | None = None
    binary: bool = False
    extensions: Mapping[str, Value] = {}

    def __post_init__(self) -> None:
        _check(self)

    @property
    def is_json(self) -> bool:
        """Whether its payload is JSON, by its content type."""
        return self.datacontenttype is None or is_json_type(self.datacontenttype)

    @property
    def key(self) -> str | None:
        """Our extension ``key``: what orders it among others."""
        return _text(self.extensions.get("key"))

    @property
    def case(self) -> str | None:
        """Our extension ``case``: the business case that it belongs to."""
        return _text(self.extensions.get("case"))

    @property
    def cause(self) -> str | None:
        """Our extension ``cause``: the id of the event that led to it."""
        return _text(self.extensions.get("cause"))

    @property
    def traceparent(self) -> str | None:
        """The extension ``traceparent`` of W3C, which is also ours."""
        return _text(self.extensions.get("traceparent"))

    @property
    def version(self) -> int | None:
        """Our extension ``version``: that of its type. None for what is no whole number from 1 up."""
        text = _text(self.extensions.get("version")) or ""
        return int(text) if re.fullmatch(r"[1-9][0-9]{0,9}", text) else None


def refusal(attribute: str, reason: str, *, mend: str = "", within: str = "The event") -> EventRefused:
    """Make the one error of this room; ``reason`` follows the attribute's name in a sentence."""
    return EventRefused(
        f"{within} is refused: {attribute} {reason}.",
        "It is no well-formed CloudEvent 1.0, and nothing of it was kept.",
        mend,
        attribute=attribute,
        reason=reason,
    )


def is_json_type(media_type: str) -> bool:
    """Tell whether a content type declares JSON: ``*/json`` or ``*/*+json``, whatever its parameters."""
    subtype = media_type.partition(";")[0].strip().lower().partition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def charset_of(media_type: str) -> str:
    """Name the character set of a textual payload: what its content type says, else utf-8."""
    found = _CHARSET.search(media_type)
    return found[1].lower() if found else "utf-8"


def read_time(text: Any) -> int:
    """Read a moment as RFC 3339 writes it; digits beyond the microsecond are dropped. Raises EventRefused."""
    parts = _TIME.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        raise refusal(
            "time", f"is {shown(text)}, which is no RFC 3339 time", mend='Write "2026-04-05T17:31:00Z".'
        )
    year, month, day, hour, minute, second = (int(parts[n]) for n in range(1, 7))
    offset = int(parts[9] or 0) * 60 + int(parts[10] or 0)
    leap = second == 60
    try:
        if int(parts[9] or 0) > 23 or int(parts[10] or 0) > 59:
            raise ValueError
        zone = timezone(timedelta(minutes=-offset if parts[8] == "-" else offset))
        moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=zone).astimezone(UTC)
        if leap and (moment.hour, moment.minute) != (23, 59):
            raise ValueError
        micros = int(f"{parts[7] or '':0<6.6}")
        at = from_datetime(moment) + (1_000_000 if leap else micros)
        to_datetime(at)
    except (ValueError, OverflowError):
        raise refusal("time", f"is {shown(text)}, which is no moment of the calendar") from None
    return at


def write_time(at: int) -> str:
    """Write a moment as RFC 3339 has it, in UTC: ``2026-04-05T17:31:00.250Z``."""
    moment = to_datetime(at)
    precision = "microseconds" if at % 1_000 else "milliseconds" if at % 1_000_000 else "seconds"
    return f"{moment.replace(tzinfo=None).isoformat(timespec=precision)}Z"


def envelope_of(attributes: Mapping[str, Any], data: bytes | None, *, binary: bool = False) -> Envelope:
    """Make an envelope of attributes by name, as any format hands them over. Raises EventRefused."""
    core: dict[str, Any] = {}
    extensions: dict[str, Value] = {}
    for name, value in attributes.items():
        if value is None:  # which the standard takes for unset
            continue
        if name not in CORE:
            extensions[name] = value
        else:
            core[name] = read_time(value) if name == "time" else value
    for name in ("specversion", "id", "source", "type"):
        if name not in core:
            raise refusal(name, "is missing")
    return Envelope(**core, data=data, binary=binary, extensions=extensions)


def shown(value: Any) -> str:
    """Show a value shortly, whatever it holds."""
    if isinstance(value, str):
        text = ascii(value[:60]) if _UNFIT.search(value) else repr(value[:60])
        return text if len(value) <= 60 else f"{text}…"
    if isinstance(value, bool | None) or (isinstance(value, int | float) and abs(value) < 1e30):
        return repr(value)
    return f"a {'number' if isinstance(value, int | float) else type(value).__name__}"


def _check(envelope: Envelope) -> None:
    if envelope.specversion != SPECVERSION:
        raise refusal("specversion", f"is {shown(envelope.specversion)}, and we know 1.0")
    for name in ("id", "source", "type"):
        _check_text(name, getattr(envelope, name), LONGEST)
    _check_uri("source", envelope.source)
    if envelope.subject is not None:
        _check_text("subject", envelope.subject, LONGEST)
    if envelope.datacontenttype is not None:
        _check_text("datacontenttype", envelope.datacontenttype)
        if not _MEDIA_TYPE.fullmatch(envelope.datacontenttype):
            raise refusal("datacontenttype", f"is {shown(envelope.datacontenttype)}, which is no media type")
    if envelope.dataschema is not None:
        _check_text("dataschema", envelope.dataschema)
        _check_uri("dataschema", envelope.dataschema)
        if not _SCHEME.match(envelope.dataschema):
            raise refusal("dataschema", f"is {shown(envelope.dataschema)}, which is no absolute URI")
    for name, value in envelope.extensions.items():
        _check_extension(name, value)


def _check_text(name: str, value: Any, longest: int | None = None) -> None:
    if not isinstance(value, str):
        raise refusal(name, f"is {shown(value)}, and must be text")
    if not value:
        raise refusal(name, "is empty")
    if longest is not None and len(value) > longest:
        raise refusal(name, f"has {len(value):,} characters, and may have {longest:,}")
    _check_characters(name, value)


def _check_characters(name: str, value: str) -> None:
    if unfit := _UNFIT.search(value):
        raise refusal(name, f"holds U+{ord(unfit[0]):04X}, which no attribute may")


def _check_uri(name: str, value: str) -> None:
    if fault := _NO_URI.search(value):
        raise refusal(
            name, f"is {shown(value)}, which is no URI for its {fault[0]!r}", mend="Percent-encode it there."
        )


def _check_extension(name: Any, value: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise refusal(
            shown(name),
            "is no name of an attribute",
            mend="Names are of lower-case letters a to z and digits.",
        )
    if name in _RESERVED:
        raise refusal(name, "is the name of something else, and of no extension")
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        if not -(2**31) <= value < 2**31:
            raise refusal(name, f"is {shown(value)}, and a number may have 32 bits", mend="Write it as text.")
    elif not isinstance(value, str):
        raise refusal(name, f"is {shown(value)}, and must be text, a whole number, true or false")
    else:
        _check_characters(name, value)


def _text(value: Value | None) -> str | None:
    return None if value is None or isinstance(value, bool) or value == "" else str(value)
