from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dalsegno.core.event import Event, NewEvent
from dalsegno.errors import EventRefused
from dalsegno.events.envelope import Envelope
from dalsegno.events.json_mode import write_json
from dalsegno.events.outside import UNSAID, from_envelope, source_of, to_envelope

AT = 1_800_000_000_000_000
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def logged(new: NewEvent, number: int = 17) -> Event:
    """Give an event the place on the log that a store would."""
    fields = {name: getattr(new, name) for name in Event.__struct_fields__ if name not in ("number", "at")}
    return Event(number=number, at=AT, **fields)


def test_an_event_of_ours_goes_out_under_its_number_with_what_it_belongs_to():
    event = logged(
        NewEvent(
            type="Paid", version=2, source="payments", key="7", case_id="order-7", cause=16, traceparent=TRACE,
            data=b'{"cents":5}',
        )
    )  # fmt: skip
    assert json.loads(write_json(to_envelope(event))) == {
        "specversion": "1.0",
        "id": "17",
        "source": "dalsegno:default/payments",
        "type": "Paid",
        "time": "2027-01-15T08:00:00Z",
        "datacontenttype": "application/json",
        "case": "order-7",
        "cause": "16",
        "traceparent": TRACE,
        "key": "7",
        "version": 2,
        "data": {"cents": 5},
    }


def test_the_source_of_our_events_is_a_uri_whatever_their_service_is_called():
    assert source_of("default", "my shop/ü") == "dalsegno:default/my%20shop/%C3%BC"
    to_envelope(logged(NewEvent(type="Paid", namespace="a b", source="<p>|100%")))


def test_an_event_that_a_client_emitted_keeps_its_id_and_has_the_namespace_as_its_source():
    envelope = to_envelope(logged(NewEvent(type="Paid", id="pay-7", data=b"{}")))
    assert (envelope.id, envelope.source) == ("pay-7", "dalsegno:default")
    assert envelope.datacontenttype == "application/json"


def foreign(**changes: object) -> Envelope:
    return Envelope(**{"id": "1", "source": "/s", "type": "T", "time": AT, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "envelope",
    [
        foreign(),
        foreign(data=b"null"),
        foreign(
            data=b'{"price": 1.10}',
            datacontenttype="application/vnd.shop+json",
            dataschema="urn:a",
            subject="s",
        ),
        foreign(data=b"<a/>", datacontenttype="application/xml"),
        foreign(data="é".encode("latin-1"), datacontenttype="text/plain; charset=iso-8859-1"),
        foreign(data=b"\x00\xff", binary=True),
        foreign(data=b"\x89PNG\xff", datacontenttype="image/png", binary=True),
        foreign(extensions={"sampled": True, "partitionkey": "a b", "n": -5}),
        foreign(
            extensions={"key": "7", "case": "order-7", "cause": "12", "version": 3, "traceparent": TRACE}
        ),
        foreign(
            extensions={"key": 7, "case": True, "cause": 5, "version": "v2.1", "traceparent": "nonsense"}
        ),
        foreign(extensions={"key": "", "case": "x" * 300, "version": "3"}),
    ],
    ids=lambda envelope: str(envelope.extensions or envelope.datacontenttype),
)
def test_a_foreign_event_leaves_as_it_came(envelope):
    assert to_envelope(logged(from_envelope(envelope))) == envelope


def test_what_a_foreign_event_says_in_our_words_is_ours():
    said = {"key": 7, "case": "order-7", "cause": "12", "version": "3", "traceparent": TRACE}
    new = from_envelope(foreign(extensions=said), "shop")
    assert (new.key, new.case_id, new.version, new.traceparent) == ("7", "order-7", 3, TRACE)
    assert (new.source, new.id, new.namespace, new.time) == ("/s", "1", "shop", AT)
    assert new.cause is None  # the number of an event on another log


def test_what_it_means_otherwise_is_only_kept():
    said = {"key": "x" * 256, "case": True, "version": "v2.1", "traceparent": "nonsense"}
    new = from_envelope(foreign(extensions=said))
    assert (new.key, new.case_id, new.version, new.traceparent) == (None, None, UNSAID, None)
    assert to_envelope(logged(new)).extensions == said


def test_the_log_has_every_payload_as_json():
    for envelope in (
        foreign(data=b"<a/>", datacontenttype="application/xml"),
        foreign(data=b"\x00\xff", binary=True),
        foreign(data=b"[1]"),
    ):
        json.loads(from_envelope(envelope).data or b"")
    with pytest.raises(EventRefused):
        from_envelope(foreign(data=b"<a/>"))


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), max_size=9)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["key", "case", "cause", "version", "traceparent", "other"]),
        words | st.booleans() | st.integers(-5, 5),
    ),
    st.binary(max_size=9),
    st.sampled_from(["text/plain", "image/png", "text/plain; charset=latin-1", None]),
)
def test_whatever_a_foreign_event_holds_it_leaves_saying_the_same(extensions, data, content_type):
    envelope = foreign(
        extensions=extensions, data=data, datacontenttype=content_type, binary=content_type is None
    )
    back = to_envelope(logged(from_envelope(envelope)))
    assert json.loads(write_json(back)) == json.loads(write_json(envelope))
    assert back.data == envelope.data and back.extensions == envelope.extensions
