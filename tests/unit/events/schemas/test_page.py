"""The page that explains the rules knows all of them."""

from __future__ import annotations

import re
from pathlib import Path

from dalsegno.events.schemas import Kind, Mode, Rule

PAGE = Path(__file__).resolve().parents[4] / "docs" / "explanation" / "schemas.md"


def test_the_page_tells_each_rule_and_no_other() -> None:
    table = PAGE.read_text("utf-8").split("## The rules by name")[1].split("## Who breaks")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [rule.value for rule in Rule]


def test_the_page_tells_each_kind_and_mode() -> None:
    text = PAGE.read_text("utf-8")
    assert all(f"`{kind}`" in text for kind in Kind)
    assert all(mode.value.split()[0] in text for mode in Mode)
