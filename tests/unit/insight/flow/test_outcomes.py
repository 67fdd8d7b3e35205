"""What may follow a reaction, read from its declaration: the largest outcomes, and the smallest."""

from __future__ import annotations

import pytest

from dalsegno.insight.flow.outcomes import Outcomes, read_outcomes, shown, subsets
from tests.unit.insight.flow.random_cases import Plain, pairs
from tests.unit.insight.flow.short import follow


def sets(outcomes: Outcomes) -> tuple[list[str], list[str]]:
    """Say the outcomes as letters, those that may come several times in capitals."""

    def letters(types: frozenset[str], often: frozenset[str]) -> str:
        return "".join(sorted((name if name in often else name.lower() for name in types), key=str.lower))

    return sorted(letters(*each) for each in outcomes.most), sorted(letters(*each) for each in outcomes.least)


@pytest.mark.parametrize(
    ("declared", "most", "least", "says"),
    [
        ("-", [""], [""], "None"),
        ("A", ["a"], ["a"], "A"),
        ("A | B", ["a", "b"], ["a", "b"], "A | B"),
        ("A?", ["a"], [""], "A | None"),
        ("A | B?", ["a", "b"], [""], "A | B | None"),
        ("A*", ["A"], [""], "list[A]"),
        ("A | B*", ["AB"], [""], "list[A | B]"),
        ("A + B", ["ab"], ["ab"], "tuple[A, B]"),
        ("A + B | C", ["ab", "ac"], ["ab", "ac"], "tuple[A, B | C]"),
        ("A + B? + C*", ["abC"], ["a"], "tuple[A, B | None, list[C]]"),
        ("A + A | B", ["A", "ab"], ["A", "ab"], "tuple[A, A | B]"),
    ],
)
def test_each_form_of_annotation(declared: str, most: list[str], least: list[str], says: str) -> None:
    plain = follow(declared)
    assert sets(read_outcomes(plain)) == (most, least)
    assert shown(plain) == says


def test_what_is_emitted_besides_may_come_and_twice_if_it_is_returned_too() -> None:
    assert sets(read_outcomes(follow("A | B")).besides(["A", "C"])) == (["Ac", "abc"], ["a", "b"])


def test_versions_of_an_event_are_one() -> None:
    plain: Plain = {"one_of": [["A", 1], ["A", 2], *pairs("B")]}
    assert sets(read_outcomes(plain)) == (["a", "b"], ["a", "b"])


def test_of_a_run_that_has_not_ended_anything_may_come_or_nothing() -> None:
    assert sets(subsets(["A", "B"])) == (["ab"], [""])
