"""An explanation that is broken on purpose is found out by the pairs of causes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dalsegno.client.standing import Reason
from dalsegno.insight import owed
from dalsegno.insight.where import Look
from tests.causes.test_pairs import PAIRS, asked, bring_about
from tests.helpers.counts import Count
from tests.unit.insight.stage import Stage

Patch = Callable[[Any, str, Any], None]


def forget_that_nobody_can_write(patch: Patch) -> None:
    patch(Look, "shut", lambda self: None)


def forget_that_nobody_is_there(patch: Patch) -> None:
    patch(owed._Asked, "_without_worker", lambda self, part: iter(()))


def forget_loops_that_stand(patch: Patch) -> None:
    patch(owed._Asked, "_with_wedged", lambda self, part: iter(()))


def forget_that_a_service_stands_still(patch: Patch) -> None:
    patch(owed._Asked, "_stands_still", lambda self, part: iter(()))


def forget_circuits(patch: Patch) -> None:
    patch(owed._Asked, "_left_alone", lambda self: iter(()))


def say_what_holds_less_first(patch: Patch) -> None:
    def backwards(self: Any, part: Any, call: Any) -> Iterator[Any]:
        yield from reversed(list(rightly(self, part, call)))

    rightly = owed._Asked._reasons
    patch(owed._Asked, "_reasons", backwards)


def say_the_first_one_alone(patch: Patch) -> None:
    def one(self: Any, part: Any, call: Any) -> Iterator[Any]:
        yield next(iter(rightly(self, part, call)))

    rightly = owed._Asked._reasons
    patch(owed._Asked, "_reasons", one)


def call_everything_a_lag(patch: Patch) -> None:
    def lag(self: Any, part: Any, call: Any) -> Iterator[Any]:
        yield self._because(Reason.LAG, "lag", {})

    patch(owed._Asked, "_reasons", lag)


WAYS = [
    forget_that_nobody_can_write,
    forget_that_nobody_is_there,
    forget_loops_that_stand,
    forget_that_a_service_stands_still,
    forget_circuits,
    say_what_holds_less_first,
    say_the_first_one_alone,
    call_everything_a_lag,
]


def wrong() -> list[tuple[Reason, Reason]]:
    """List the pairs of causes of which something else is told."""
    found = []
    for pair in PAIRS:
        stage = Stage()
        look = bring_about(stage, pair)
        if tuple(each.kind for each in asked(stage, look).reasons) != pair:
            found.append(pair)
    return found


def test_what_is_not_broken_tells_all_pairs_rightly() -> None:
    assert wrong() == []


@pytest.mark.parametrize("how", WAYS, ids=lambda how: how.__name__)
def test_a_broken_explanation_is_found_out(
    how: Callable[[Patch], None], monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    how(monkeypatch.setattr)
    assert wrong()
    count("teeth", of=1)
