"""The picture of a process: the same for the same declarations, to the letter."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from dalsegno.insight.flow import as_document, as_json, as_mermaid, as_text, picture, read_flow
from tests.unit.insight.flow import short

ORDER = """
    run desk: Placed
    pay: Placed -> Paid | Declined
    reserve: Placed -> Reserved + Noted?
    ship: Paid & Reserved & Labelled -> Shipped
    parcels: Shipped -> Parcel*
    refund: Declined | CalledOff -> - undoes Paid
    other: Elsewhere -> Nowhere
    process: Placed .. Shipped | Declined cancel CalledOff
"""

TEXT = """\
process p
  starts with  Placed
  ends with    Shipped | Declined
  cancelled by CalledOff
  due after    10m

workflow desk  emits Placed, waits for Shipped

from outside: Labelled

Placed
  s.pay      -> Paid | Declined   (due after 5m)
  s.reserve  -> tuple[Reserved, Noted | None]

Declined
  s.refund   -> None   (undoes Paid)

CalledOff
  s.refund   -> None   (undoes Paid)

Paid & Reserved & Labelled
  s.ship     -> Shipped   (joined within 1h)

Shipped
  s.parcels  -> list[Parcel]

nobody takes: Noted, Parcel
"""


def declared() -> dict[str, Any]:
    plain = short.flow(ORDER)
    by_name = {each["name"]: each for each in plain["handlers"]}
    by_name["pay"]["due"] = 5 * 60 * 1_000_000
    by_name["ship"]["within"] = 3_600 * 1_000_000
    plain["process"]["due"] = 10 * 60 * 1_000_000
    plain["emitters"][0]["awaits"] = [["Shipped", 1]]
    return plain


def test_as_text_it_says_each_event_with_those_who_react() -> None:
    plain = declared()
    drawn = picture(read_flow(plain["handlers"], [plain["process"]], plain["emitters"]), "p")
    assert as_text(drawn).split("\n\n")[0] == TEXT.split("\n\n", maxsplit=1)[0]
    assert sorted(as_text(drawn).split("\n\n")) == sorted(TEXT.split("\n\n"))


def test_it_is_the_same_in_whatever_order_the_declarations_come() -> None:
    plain = declared()
    flow = read_flow(plain["handlers"], [plain["process"]], plain["emitters"])
    said = {form(picture(flow, "p")) for form in (as_text, as_mermaid, as_json)}
    for seed in range(20):
        random.Random(seed).shuffle(plain["handlers"])
        again = read_flow(
            [json.dumps(each).encode() for each in plain["handlers"]],
            [json.dumps(plain["process"]).encode()],
            [json.dumps(each).encode() for each in plain["emitters"]],
        )
        assert {form(picture(again, "p")) for form in (as_text, as_mermaid, as_json)} == said


def test_in_mermaid_what_surely_follows_has_a_solid_line() -> None:
    plain = declared()
    lines = as_mermaid(
        picture(read_flow(plain["handlers"], [plain["process"]], plain["emitters"]), "p")
    ).splitlines()
    names = dict(re.match(r'  (\w+)[^"]*"([^"]+)"', line).groups() for line in lines if '"' in line)  # type: ignore[union-attr]
    arrows = [line.split() for line in lines if ">" in line]
    arrow = {(names[first], names[last]): " ".join(how) for first, *how, last in arrows}
    assert "-.->" in arrow["s.pay", "Paid"]
    assert "-->" in arrow["s.reserve", "Reserved"]
    assert "-.->" in arrow["s.reserve", "Noted"]
    assert "-.->|several|" in arrow["s.parcels", "Parcel"]
    assert "undoes" in arrow["s.refund", "Paid"]
    assert "-.->" in arrow["desk", "Placed"] and "-.->" in arrow["Shipped", "desk"]
    assert {name for name in names.values() if ("Labelled", name) in arrow} == {"s.ship"}
    assert "Elsewhere" not in names.values()
    assert any(line.endswith(":::start") and "Placed" in line for line in lines)


def test_names_cannot_break_out_of_the_chart() -> None:
    plain = short.flow("pay: Placed -> Paid\nprocess: Placed .. Paid")
    plain["handlers"][0]["name"] = 'a"]; click <b>'
    chart = as_mermaid(picture(read_flow(plain["handlers"], [plain["process"]]), "p"))
    assert '["s.a&quot;]; click &lt;b>"]' in chart


def test_as_json_it_has_all_that_is_declared() -> None:
    plain = declared()
    document = as_document(picture(read_flow(plain["handlers"], [plain["process"]], plain["emitters"]), "p"))
    assert document["outside"] == ["Labelled"]
    assert document["workflows"] == [{"name": "desk", "gives": ["Placed"], "awaits": ["Shipped"]}]
    (ship,) = [each for each in document["handlers"] if each["handler"] == "s.ship"]
    assert ship == {
        "handler": "s.ship",
        "takes": ["Paid", "Reserved", "Labelled"],
        "joins": True,
        "follows": "Shipped",
        "gives": ["Shipped"],
        "undoes": [],
        "due": None,
        "within": 3_600_000_000,
    }
    assert document["types"][0] == "Placed"
    assert "Nowhere" not in document["types"]


def test_a_process_that_there_is_not_cannot_be_drawn() -> None:
    with pytest.raises(KeyError):
        picture(read_flow([]), "order")
