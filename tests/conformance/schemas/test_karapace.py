"""Verdicts of a schema registry that nobody here wrote: JSON Schema and Avro pairs, compatible or not.

Data: ../shared/conformance/schema_compatibility.json, from the tests of karapace.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dalsegno.events.schemas import Format, Mode, Versions, registered
from dalsegno.events.schemas.compatibility import Side, compare
from tests.helpers.counts import Count

CASES = Path(__file__).resolve().parents[4] / "shared" / "conformance" / "schema_compatibility.json"
NUMBER, OF_AVRO = 230, 76
Case = dict[str, Any]


def _cases() -> list[Case]:
    if not CASES.is_file():
        return []
    found: list[Case] = json.loads(CASES.read_text("utf-8"))["cases"]
    return found


def _mode(case: Case) -> Mode:
    return Mode(case["mode"].lower().replace("_", " "))


@pytest.mark.parametrize("number", range(NUMBER))
def test_a_pair_of_schemas_is_judged_as_a_registry_judges_it(shared: Path, number: int, count: Count) -> None:
    case = _cases()[number]
    language = Format(case["format"].lower())
    old = Side(1, language, case["original_schema"])
    new = Side(2, language, case["update_schema"])
    assert _mode(case) is Mode.BACKWARD
    found = compare(new, old)
    count("schema pairs of a third party")
    assert (not found) == case["compatible"], (case["id"], case["description"], found)


@pytest.mark.parametrize("number", range(OF_AVRO))
def test_what_does_not_fit_in_avro_is_called_what_avro_calls_it(shared: Path, number: int) -> None:
    case = [each for each in _cases() if each["format"] == "AVRO"][number]
    found = compare(
        Side(2, Format.AVRO, case["update_schema"]), Side(1, Format.AVRO, case["original_schema"])
    )
    expected = [name.removeprefix("SchemaIncompatibilityType.") for name in case.get("incompatibilities", ())]
    assert sorted(each.rule for each in found) == sorted(expected), case["id"]


def test_versions_of_a_type_are_admitted_as_the_registry_would(shared: Path) -> None:
    wrong, judged = [], 0
    for case in _cases():
        if case["format"] != "JSON" or case["original_schema"] == case["update_schema"]:
            continue
        old = registered("Thing", 1, case["original_schema"], mode=_mode(case))
        new = registered("Thing", 2, case["update_schema"])
        judged += 1
        if Versions("Thing", [old]).check(new).admitted != case["compatible"]:
            wrong.append(case["id"])
    assert judged > 80
    assert wrong == []


def test_all_cases_are_judged(shared: Path) -> None:
    assert len(_cases()) == NUMBER
    assert sum(case["format"] == "AVRO" for case in _cases()) == OF_AVRO
