"""``check_contracts`` in a test, of an App and of a module."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from dalsegno import App, Service, event
from dalsegno.cli.demo.choreography import shop
from dalsegno.testing import check_contracts

EXAMPLES = Path(__file__).parents[2] / "examples"


@event(key="id")
@dataclass
class Lost:
    id: str


def wait_for_it(e: Lost) -> None:
    print(e.id)


def test_the_order_example_and_the_demo_hold_their_contracts(monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location("order_example", EXAMPLES / "choreography.py")
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "order_example", example)
    spec.loader.exec_module(example)
    check_contracts(example.app).assert_ok()
    found = check_contracts(shop)
    found.assert_ok()
    assert found.looked.handlers == 9 and not found.notes


def test_a_failed_assertion_is_the_report():
    desk = Service("desk")
    desk.on(wait_for_it)
    module = ModuleType("desks")
    module.desk = desk  # type: ignore[attr-defined]
    for program in (App("desks", include=[desk]), module):
        with pytest.raises(AssertionError, match=r"no-emitter  Lost is emitted by nobody"):
            check_contracts(program).assert_ok()
