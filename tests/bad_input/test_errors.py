"""Every public exception is raised somewhere, and says what happened, what it means, what to do, and where."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import dalsegno
from dalsegno import errors
from dalsegno.errors import DalsegnoError

SOURCE = Path(dalsegno.__file__).parent
PUBLIC = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, DalsegnoError)
}
GROUPS = {"DalsegnoError", "InvalidInput", "LimitReached", "RunError", "TransactionError"}
"""Caught, never raised themselves."""
SHORT = {"RunCancelled", "ChildCancelled", "RunFailed", "ChildFailed", "StepFailed"}
"""Outcomes, whose own text is the other side's: they may leave out what it means, or what to do."""


def _calls() -> list[tuple[str, ast.Call, str]]:
    """Find where an exception of ours is made with a message: its name, the call, the place."""
    return [
        (node.func.id, node, f"{file.relative_to(SOURCE)}:{node.lineno}")
        for file in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PUBLIC
    ]


CALLS = _calls()


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - GROUPS))
def test_each_exception_is_made_somewhere(name: str) -> None:
    assert any(made == name for made, _, _ in CALLS), f"nobody raises {name}"


def _told(call: ast.Call) -> list[bool]:
    """Tell of what, meaning and mend whether they are given, as far as the source says."""
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return [True, True, True]
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    told = []
    for position, name in enumerate(("what", "meaning", "mend")):
        value = call.args[position] if position < len(call.args) else keywords.get(name)
        told.append(value is not None and not (isinstance(value, ast.Constant) and not value.value))
    return told


def test_each_message_says_what_happened_and_what_to_do() -> None:
    silent = []
    for name, call, place in CALLS:
        what, _, mend = _told(call)
        if not what or (not mend and name not in SHORT):
            silent.append(f"{name} at {place}")
    # The worker's own end is told to nobody who could do anything; and see the report of this folder.
    assert [place for place in silent if "SessionFenced" not in place] == []


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_each_text_has_its_parts_in_order_and_its_anchor_is_a_section_of_the_reference(name: str) -> None:
    error = PUBLIC[name]("It happened.", "It means this.", "Do that.", run_id="r-1")
    assert str(error).split("\n") == [
        "It happened.",
        "It means this.",
        "Do that.",
        f"See docs/reference/errors.md#{name.lower()}",
    ]
    assert error.run_id == "r-1"  # type: ignore[attr-defined]
    page, anchor = PUBLIC[name].anchor().split("#")
    reference = (SOURCE.parents[1] / page).read_text()
    headings = {line.lstrip("# ").strip().lower() for line in reference.splitlines() if line.startswith("#")}
    assert anchor in headings
    assert PUBLIC[name].__doc__


def test_a_timeout_of_ours_is_a_timeout_and_a_bad_value_is_a_value_error() -> None:
    assert issubclass(errors.StepTimeout, TimeoutError) and issubclass(errors.ResultTimeout, TimeoutError)
    assert issubclass(errors.InvalidInput, ValueError)
