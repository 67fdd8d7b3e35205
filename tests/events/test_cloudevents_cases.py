"""Cases of the standard's own community: what is a CloudEvent in JSON, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dalsegno.errors import EventRefused
from dalsegno.events.envelope import Envelope, read_time
from dalsegno.events.json_mode import data_in_json, read_batch, read_json, write_batch, write_json

DEVIATIONS = {
    # The standard's own example says "... base64 encoded string ..." where base64 is meant to be.
    "spec-json-format#0": "its data_base64 is a sentence",
    "spec-json-format#6": "its data_base64 is a sentence",
}


@pytest.fixture(scope="module")
def cases(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "conformance" / "cloudevents.json").read_text("utf-8"))
    return found


def plain(envelope: Envelope) -> dict[str, Any]:
    """Say what an envelope holds as the cases say it."""
    found = json.loads(write_json(envelope))
    return {name: read_time(value) if name == "time" else value for name, value in found.items()}


def meant(event: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in event.items() if value is not None}
    return {name: read_time(value) if name == "time" else value for name, value in given.items()}


def test_every_case_is_taken_or_refused_as_its_authors_say(cases: dict[str, Any]) -> None:
    wrong = []
    for case in cases["json_format_tests"]:
        read = read_json if case["kind"] == "event" else read_batch
        try:
            found = read(json.dumps(case[case["kind"]]))
        except EventRefused:
            taken = False
        else:
            taken = True
            if "golden" in case:
                assert isinstance(found, Envelope)
                assert plain(found) == meant(cases["golden_events"][case["golden"]]), case["id"]
        if taken != case["valid"]:
            wrong.append(case["id"])
    assert not wrong
    assert len(cases["json_format_tests"]) >= 22


def test_every_golden_event_is_read_and_written_back_as_it_was(cases: dict[str, Any]) -> None:
    for name, golden in cases["golden_events"].items():
        envelope = read_json(json.dumps(golden))
        assert plain(envelope) == meant(golden), name
        assert read_json(write_json(envelope)) == envelope
        assert read_batch(write_batch([envelope, envelope])) == [envelope, envelope]


def test_the_examples_of_the_standard_are_read_but_for_those_that_are_no_base64(
    cases: dict[str, Any],
) -> None:
    refused = {}
    for example in cases["spec_examples"]:
        body = json.dumps(example["value"])
        try:
            if example["kind"] == "batch":
                assert [plain(each) for each in read_batch(body)] == [
                    meant(each) for each in example["value"]
                ]
            else:
                assert plain(read_json(body)) == meant(example["value"])
        except EventRefused as error:
            refused[example["id"]] = error.attribute
    assert refused == dict.fromkeys(DEVIATIONS, "data_base64")


def test_data_without_a_content_type_is_json_and_data_in_base64_are_bytes(cases: dict[str, Any]) -> None:
    by_id = {example["id"]: example["value"] for example in cases["spec_examples"]}
    text = read_json(json.dumps(by_id["spec-json-format#4"]))
    assert text.data == b'"I\'m just a string"' and not text.binary
    octets = read_json(json.dumps(by_id["spec-json-format#5"]))
    assert octets.data == b'{ "xyz": 123 }' and octets.binary
    assert data_in_json(octets)[0] == "data_base64"
