"""The standard's own SDK reads what we write, and we read what it writes, whatever is in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cloudevents.core.bindings.http import HTTPMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dalsegno.core.clock import to_datetime
from dalsegno.events.envelope import CORE, Envelope
from dalsegno.events.http_mode import read_binary, write_binary
from dalsegno.events.json_mode import read_json, write_json

FORMAT = JSONFormat()
unhurried = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)

fit = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn"))
texts = st.text(fit, min_size=1, max_size=12)
trimmed = texts.filter(lambda text: text == text.strip() and '"' not in text)  # what any header keeps
sources = st.from_regex(r"\A[a-z]{1,5}:/{0,2}[a-zA-Z0-9/.~_\-]{1,12}(#[a-z]{1,4})?\Z")
names = st.from_regex(r"\A[a-z][a-z0-9]{0,11}\Z").filter(lambda name: name not in {*CORE, "data"})
values = texts | st.booleans() | st.integers(-(2**31), 2**31 - 1)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
payloads = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def events(draw: st.DrawFn) -> tuple[dict[str, Any], Any]:
    """Draw the attributes and the payload of an event, as the SDK takes them."""
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": draw(trimmed),
        "source": draw(sources),
        "type": draw(trimmed),
        "time": draw(moments),
        **draw(st.dictionaries(names, values, max_size=3)),
    }
    if draw(st.booleans()):
        attributes["subject"] = draw(trimmed)
    payload = draw(st.sampled_from(("none", "json", "text", "bytes")))
    if payload == "json":
        attributes["datacontenttype"] = draw(
            st.sampled_from(("application/json", "application/vnd.shop+json"))
        )
        return attributes, {"value": draw(payloads)}
    if payload == "text":
        attributes["datacontenttype"] = draw(
            st.sampled_from(("text/plain", "application/xml; charset=utf-8"))
        )
        return attributes, draw(texts)
    if payload == "bytes":
        attributes["datacontenttype"] = "application/octet-stream"
        return attributes, b"\xff" + draw(st.binary(max_size=20))
    return attributes, None


def says_the_same(envelope: Envelope, event: Any, *, as_text: bool = False) -> None:
    attributes = dict(event.get_attributes())
    ours = {name: getattr(envelope, name) for name in CORE if getattr(envelope, name) is not None}
    ours |= envelope.extensions
    assert to_datetime(ours.pop("time")) - attributes.pop("time") == timedelta(0)
    if as_text:
        attributes = {k: str(v) for k, v in attributes.items()}
        ours = {k: str(v) for k, v in ours.items()}
    assert ours == attributes
    data = event.get_data()
    if data is None:
        assert not envelope.data
    elif isinstance(data, bytes):
        assert envelope.data == data
    elif envelope.is_json:
        assert json.loads(envelope.data or b"") == data
    else:
        assert (envelope.data or b"").decode() == data


@unhurried
@given(events())
def test_we_read_in_json_what_the_sdk_writes_and_it_reads_what_we_write(
    drawn: tuple[dict[str, Any], Any],
) -> None:
    theirs = CloudEvent(*drawn)
    envelope = read_json(FORMAT.write(theirs))
    says_the_same(envelope, theirs)
    says_the_same(envelope, FORMAT.read(None, write_json(envelope)))
    assert read_json(write_json(envelope)) == envelope


@unhurried
@given(events())
def test_we_read_in_headers_what_the_sdk_writes_and_it_reads_what_we_write(
    drawn: tuple[dict[str, Any], Any],
) -> None:
    attributes, data = drawn
    # The SDK writes Python's own "True" where the standard has "true".
    plain = {name: value for name, value in attributes.items() if not isinstance(value, bool)}
    theirs = CloudEvent(plain, data)
    message = to_binary(theirs, FORMAT)
    envelope = read_binary(message.headers, message.body)
    says_the_same(envelope, theirs, as_text=True)
    headers, body = write_binary(envelope)
    says_the_same(envelope, from_binary(HTTPMessage(headers, body), FORMAT), as_text=True)
    assert read_binary(headers, body) == envelope
