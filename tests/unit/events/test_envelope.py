from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dalsegno.core.clock import from_datetime
from dalsegno.errors import EventRefused
from dalsegno.events.envelope import Envelope, read_time, write_time
from dalsegno.events.http_mode import read_binary, read_http, write_binary
from dalsegno.events.json_mode import read_batch, read_json, write_batch, write_json

MINIMAL = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "OrderPlaced"}


def body(**changes: object) -> bytes:
    return json.dumps({**MINIMAL, **changes}).encode()


def refused(data: bytes | str) -> EventRefused:
    with pytest.raises(EventRefused) as caught:
        read_json(data)
    assert caught.value.reason in str(caught.value)
    str(caught.value).encode()
    return caught.value


# -- what is refused, and what the refusal says


@pytest.mark.parametrize(
    ("changes", "attribute", "reason"),
    [
        ({"id": 5}, "id", "is 5, and must be text"),
        ({"id": None}, "id", "is missing"),
        ({"id": "x" * 1_025}, "id", "has 1,025 characters, and may have 1,024"),
        ({"id": "a\x00b"}, "id", "holds U+0000, which no attribute may"),
        ({"subject": "a\ufffeb"}, "subject", "holds U+FFFE, which no attribute may"),
        ({"source": "/a b"}, "source", "is '/a b', which is no URI for its ' '"),
        ({"source": "/a%zz"}, "source", "is '/a%zz', which is no URI for its '%'"),
        ({"specversion": "1.1"}, "specversion", "is '1.1', and we know 1.0"),
        ({"specversion": 1.0}, "specversion", "is 1.0, and we know 1.0"),
        ({"type": ["a"]}, "type", "is a list, and must be text"),
        ({"time": "2018-04-05"}, "time", "is '2018-04-05', which is no RFC 3339 time"),
        ({"time": 1522949460}, "time", "is 1522949460, which is no RFC 3339 time"),
        ({"time": "2018-02-30T00:00:00Z"}, "time", "is '2018-02-30T00:00:00Z', which is no moment"),
        ({"time": "2018-04-05T17:31:00"}, "time", "which is no RFC 3339 time"),
        ({"time": "2018-04-05T17:31:00+24:00"}, "time", "which is no moment"),
        ({"time": "2018-04-05T17:31:00+00:60"}, "time", "which is no moment"),
        ({"time": "0001-01-01T00:00:00+00:01"}, "time", "which is no moment"),
        ({"time": "2018-04-05T17:31:60Z"}, "time", "which is no moment"),
        ({"datacontenttype": "json"}, "datacontenttype", "is 'json', which is no media type"),
        ({"datacontenttype": 5, "data": 1}, "datacontenttype", "is 5, and must be text"),
        ({"dataschema": "/schemas/1"}, "dataschema", "is '/schemas/1', which is no absolute URI"),
        ({"Shop": "a"}, "'Shop'", "is no name of an attribute"),
        ({"": "a"}, "''", "is no name of an attribute"),
        ({"ext": 1.5}, "ext", "is 1.5, and must be text, a whole number, true or false"),
        ({"ext": {}}, "ext", "is a dict, and must be text"),
        ({"ext": 2**31}, "ext", "is 2147483648, and a number may have 32 bits"),
        ({"data_base64": "%%%"}, "data_base64", "is no base64"),
        ({"data_base64": 5}, "data_base64", "is a number, and must be text in base64"),
        ({"datacontenttype": "text/plain", "data": {}}, "data", "is an object, and must be text"),
        (
            {"datacontenttype": "text/plain; charset=ascii", "data": "é"},
            "data",
            "holds characters that ascii",
        ),
    ],
)
def test_a_malformed_attribute_is_refused_by_name_with_what_is_wrong(changes, attribute, reason):
    error = refused(body(**changes))
    assert error.attribute == attribute
    assert reason in error.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is no JSON: expecting value, at 0"),
        (b"{", "is no JSON"),
        (b"[]", "is an array, and must be an object"),
        (b"5", "is a number, and must be an object"),
        (b'{"id": "1"} x', "is no JSON: extra data"),
        (b"\xef\xbb\xbf{}", "begins with a byte order mark"),
        ("\ufeff{}", "begins with a byte order mark"),
        (body().decode().encode("utf-16"), "is in utf-16, and must be in UTF-8"),
        (body().decode().encode("utf-16-le"), "is in utf-16-le"),
        (body().decode().encode("utf-32"), "is in utf-32"),
        (b'{"id": "\xff"}', "is no UTF-8, at byte 8"),
        (b'{"id": "1", "id": "2"}', "names 'id' twice in one object"),
        (b'{"data": [{"a": 1, "\\u0061": 2}]}', "names 'a' twice in one object"),
        (b'{"data": NaN}', "holds NaN, which is no JSON"),
        (b'{"data": 1e999}', "holds the number '1e999', which is too large"),
        (b'{"data": ' + b"9" * 5_000 + b"}", "holds a number of too many digits"),
        (b'{"data": "\\ud800"}', "holds a lone surrogate"),
        (b'{"data": {"\\udc00": 1}}', "holds a lone surrogate"),
        ("\ud800", "holds a lone surrogate"),
        (b'{"data": ' + b"[" * 101 + b"]" * 101 + b"}", "is nested deeper than 100 levels"),
        (b"[" * 100_000, "is nested deeper than 100 levels"),
        (b'{"a":' * 100_000, "is nested deeper than 100 levels"),
        (b'{"id": "a\nb"}', "is no JSON: invalid control character"),
    ],
)
def test_what_is_no_strict_json_in_utf8_is_refused_whole(data, reason):
    error = refused(data)
    assert error.attribute == "event"
    assert reason in error.reason


def test_a_batch_says_which_of_its_events_is_malformed():
    with pytest.raises(EventRefused, match="Event 2 of 3 is refused: id is empty") as caught:
        read_batch(b"[" + b",".join([body(), body(id=""), body()]) + b"]")
    assert caught.value.attribute == "id"
    with pytest.raises(EventRefused, match="batch is an object, and must be an array"):
        read_batch(b"{}")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | st.text(st.characters(), max_size=200))
def test_whatever_comes_it_is_read_or_refused_by_the_one_named_error(data):
    for read in (read_json, read_batch):
        try:
            read(data)
        except EventRefused as error:
            str(error).encode()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # of a machine that is busy
@given(
    st.dictionaries(
        st.sampled_from([*MINIMAL, "time", "data", "data_base64", "datacontenttype", "ext"]), anything
    )
)
def test_whatever_an_attribute_is_it_is_read_or_refused_by_the_one_named_error(changes):
    data = json.dumps({**MINIMAL, **changes})
    try:
        envelope = read_json(data)
    except EventRefused as error:
        str(error).encode()
        return
    assert read_json(write_json(envelope)) == envelope


# -- what is kept


def test_the_payload_keeps_its_very_bytes():
    data = b'{"specversion":"1.0","id":"1","source":"/s","type":"T", "data": %b }' % (
        b'{"price":1.10, "n":12345678901234567890123}'
    )
    envelope = read_json(data)
    assert envelope.data == b'{"price":1.10, "n":12345678901234567890123}'
    assert b'"data":{"price":1.10, "n":12345678901234567890123}' in write_json(envelope)


def test_null_as_data_is_a_payload_and_null_as_attribute_is_none():
    assert read_json(body(data=None)).data == b"null"
    assert read_json(body()).data is None
    assert b'"data":null' in write_json(read_json(body(data=None)))
    assert b"data" not in write_json(read_json(body(subject=None, unset=None)))


def test_unknown_attributes_are_kept_and_written_back_in_both_modes():
    envelope = read_json(body(partitionkey="a b", sampled=True, sequence=-7))
    assert envelope.extensions == {"partitionkey": "a b", "sampled": True, "sequence": -7}
    assert json.loads(write_json(envelope)) == {**MINIMAL, **envelope.extensions}
    headers, _ = write_binary(envelope)
    assert headers["ce-partitionkey"] == "a%20b"
    again = read_binary(headers, b"")
    assert again.extensions == {"partitionkey": "a b", "sampled": "true", "sequence": "-7"}


def test_our_own_extensions_are_read_where_they_are_what_we_mean_by_them():
    envelope = read_json(body(key="7", case="order-7", cause="12", version=2, traceparent="00-ab"))
    assert (envelope.key, envelope.case, envelope.cause, envelope.version) == ("7", "order-7", "12", 2)
    assert envelope.traceparent == "00-ab"
    foreign = read_json(body(key=7, version="v2.1", case=True, cause=""))
    assert (foreign.key, foreign.version, foreign.case, foreign.cause) == ("7", None, None, None)
    assert json.loads(write_json(foreign))["version"] == "v2.1"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2018-04-05T17:31:00Z", datetime(2018, 4, 5, 17, 31, tzinfo=UTC)),
        ("2018-04-05t17:31:00.25z", datetime(2018, 4, 5, 17, 31, 0, 250_000, tzinfo=UTC)),
        ("2018-04-05T17:31:00.1234569+05:30", datetime(2018, 4, 5, 12, 1, 0, 123_456, tzinfo=UTC)),
        ("2018-04-05T16:31:00-01:00", datetime(2018, 4, 5, 17, 31, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2017-01-01T00:59:60.9+01:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("1969-12-31T23:59:59.5Z", datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)),
    ],
)
def test_times_are_read_to_the_microsecond_in_every_form_of_rfc_3339(text, moment):
    assert read_time(text) == from_datetime(moment)
    assert read_time(write_time(read_time(text))) == read_time(text)


def test_a_payload_that_is_no_json_goes_as_text_if_it_is_text_and_as_base64_if_not():
    text = Envelope(id="1", source="/s", type="T", datacontenttype="application/xml", data="<é/>".encode())
    assert json.loads(write_json(text))["data"] == "<é/>"
    latin = Envelope(
        id="1", source="/s", type="T", datacontenttype="text/plain; charset=ISO-8859-1", data=b"\xe9"
    )
    assert json.loads(write_json(latin))["data"] == "é"
    assert read_json(write_json(latin)) == latin
    image = Envelope(id="1", source="/s", type="T", datacontenttype="image/png", data=b"\x89PNG\xff")
    assert json.loads(write_json(image))["data_base64"] == "iVBOR/8="


def test_an_envelope_whose_payload_is_not_the_json_that_it_says_is_not_written():
    envelope = Envelope(id="1", source="/s", type="T", data=b"<xml/>")
    with pytest.raises(EventRefused, match="data is not the JSON that it says it is"):
        write_json(envelope)
    with pytest.raises(EventRefused):
        write_batch([envelope])


# -- over HTTP


def test_binary_mode_has_attributes_in_headers_and_the_bare_payload_as_body():
    envelope = read_json(body(time="2018-04-05T17:31:00Z", subject="Euro € 😀", data={"a": 1}))
    headers, payload = write_binary(envelope)
    assert headers == {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/shop",
        "ce-type": "OrderPlaced",
        "ce-subject": "Euro%20%E2%82%AC%20%F0%9F%98%80",
        "ce-time": "2018-04-05T17:31:00Z",
        "content-type": "application/json",
    }
    assert payload == b'{"a": 1}'
    again = read_binary({name.upper(): value for name, value in headers.items()}, payload)
    assert again.subject == "Euro € 😀" and again.data == payload and again.time == envelope.time


HEADERS = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "T"}


@pytest.mark.parametrize(
    ("changes", "payload", "attribute", "reason"),
    [
        ({"ce-id": "%C0%A0"}, b"", "ce-id", "whose percent-encoding is no UTF-8"),
        ({"ce-id": "é"}, b"", "ce-id", "holds characters beyond ASCII"),
        ({"ce-id": ""}, b"", "id", "is empty"),
        ({"ce-datacontenttype": "text/plain"}, b"", "ce-datacontenttype", "only content-type may say it"),
        ({"ce-data": "x"}, b"", "data", "is the name of something else"),
        ({"ce-my-ext": "x"}, b"", "'my-ext'", "is no name of an attribute"),
        ({"CE-ID": "2"}, b"", "ce-id", "is there twice"),
        ({"content-type": "text/plain", "Content-Type": "text/xml"}, b"", "content-type", "is there twice"),
        ({"ce-time": "noon"}, b"", "time", "is no RFC 3339 time"),
        ({"content-type": "application/json"}, b"{", "data", "is no JSON"),
        ({"content-type": "application/json"}, b'{"a":1,"a":2}', "data", "names 'a' twice"),
        ({"content-type": "application/vnd.shop+json"}, b"\xff\xfe{\x00", "data", "is in utf-16"),
        ({"content-type": "application/cloudevents+avro"}, b"", "content-type", "a format that we have not"),
        ({"content-type": "nonsense"}, b"", "datacontenttype", "is no media type"),
    ],
)
def test_a_message_that_is_no_cloudevent_is_refused_by_the_header_that_is_wrong(
    changes, payload, attribute, reason
):
    with pytest.raises(EventRefused) as caught:
        read_http({**HEADERS, **changes}, payload)
    assert caught.value.attribute == attribute
    assert reason in caught.value.reason


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from([*HEADERS, "ce-time", "ce-x", "content-type"]), st.text(st.characters(), max_size=9)
    ),
    st.binary(max_size=9),
)
def test_whatever_headers_come_the_message_is_read_or_refused_by_the_one_named_error(changes, payload):
    try:
        envelopes = read_http({**HEADERS, **changes}, payload)
    except EventRefused as error:
        str(error).encode()
        return
    for envelope in envelopes:
        assert read_binary(*write_binary(envelope)).id == envelope.id


def test_quoted_header_values_of_older_producers_are_understood():
    envelope = read_binary({**HEADERS, "ce-subject": r'"a \"b\" %20c"'}, b"")
    assert envelope.subject == 'a "b"  c'


def test_a_body_without_a_content_type_is_json_if_it_is_and_opaque_if_not():
    assert not read_binary(HEADERS, b'{"a":1}').binary
    opaque = read_binary(HEADERS, b"\x00\x01")
    assert opaque.binary and opaque.data == b"\x00\x01"
    assert json.loads(write_json(opaque))["data_base64"] == "AAE="


def test_the_content_type_tells_the_three_modes_apart():
    assert read_http({"Content-Type": "application/cloudevents+json; charset=utf-8"}, body())[0].id == "1"
    batch = b"[" + body() + b"," + body(id="2") + b"]"
    found = read_http([("content-type", "application/cloudevents-batch+json")], batch)
    assert [each.id for each in found] == ["1", "2"]
    assert read_http(HEADERS, b"")[0].data is None


def test_a_content_type_of_many_gaps_is_refused_at_once():
    with pytest.raises(EventRefused, match="datacontenttype"):
        Envelope(id="1", source="/s", type="T", datacontenttype="a/b" + " ;  " * 5_000 + "€")
