"""A frontier that is broken on purpose is found out by the oracle, within a stated number of random cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dalsegno.insight.flow import ahead, certain, openness, outcomes, trail, worlds
from dalsegno.insight.flow.trail import State
from tests.helpers.counts import Count
from tests.unit.insight.flow.asking import ask

Patch = Callable[[Any, str, Any], None]


def ignore_exclusivity(patch: Patch) -> None:
    def reach(net: Any, sources: Any, gates: Any) -> worlds.Possible:
        base = net.spread(worlds.union(source.all for source in sources))
        opened = worlds._hoped(net, base, gates)
        mask = base | net.spread(worlds.union(gates[each].source.all for each in opened))
        return worlds.Possible(mask, frozenset(opened), True)

    patch(ahead, "possible", reach)


def ignore_maybe(patch: Patch) -> None:
    patch(outcomes.Outcomes, "or_nothing", lambda self: self)


def ignore_that_a_round_takes_one_of_each(patch: Patch) -> None:
    def one_for_each_key(self: Any, handler: Any) -> Iterator[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for parts in begun(self, handler):
            found.setdefault(next(iter(parts.values())).key, {}).update(parts)
        yield from found.values()

    begun = openness._Look._begun
    patch(openness._Look, "_begun", one_for_each_key)


def ignore_keys_of_joins(patch: Patch) -> None:
    def one_for_all(self: Any, handler: Any) -> Iterator[dict[str, Any]]:
        together: dict[str, Any] = {}
        for parts in begun(self, handler):
            together |= parts
        yield from [together] if together else []

    begun = openness._Look._begun
    patch(openness._Look, "_begun", one_for_all)


def take_dead_letters_for_done(patch: Patch) -> None:
    def state(self: Any, event: Any, handler: Any) -> State:
        found = plainly(self, event, handler)
        return State.DONE if found is State.DEAD_LETTER else found

    plainly = trail.Trail.state
    patch(trail.Trail, "state", state)


def forget_open_runs(patch: Patch) -> None:
    patch(openness._Look, "runs", lambda self: iter(()))


def forget_that_the_case_is_cancelled(patch: Patch) -> None:
    patch(openness._Look, "_is_free", lambda self, event: True)


def forget_what_follows_the_cancelling(patch: Patch) -> None:
    patch(trail.Trail, "followers", lambda self: frozenset())


def forget_the_outside(patch: Patch) -> None:
    patch(openness._Look, "others", lambda self: iter(()))


def think_that_all_comes_once(patch: Patch) -> None:
    patch(worlds._World, "emit", lambda self, out: setattr(self, "once", self.once | out.mask))
    patch(worlds._World, "emit_often", lambda self, mask: setattr(self, "once", self.once | mask))


def take_certainty_from_single_handlers_alone(patch: Patch) -> None:
    patch(certain._Around, "avoids", lambda self, mask: True)


def forget_a_reaction_that_nobody_has_come_to(patch: Patch) -> None:
    def state(self: Any, event: Any, handler: Any) -> State:
        known = self._reacted.get((event.number, handler.title))
        return State.DONE if known is None else known.state

    patch(trail.Trail, "state", state)


# So many random cases find each out, and mostly far fewer do.
WITHIN = {
    ignore_exclusivity: 100,
    ignore_maybe: 50,
    ignore_that_a_round_takes_one_of_each: 600,
    ignore_keys_of_joins: 100,
    take_dead_letters_for_done: 50,
    forget_open_runs: 20,
    forget_that_the_case_is_cancelled: 100,
    forget_what_follows_the_cancelling: 100,
    forget_the_outside: 20,
    think_that_all_comes_once: 600,
    take_certainty_from_single_handlers_alone: 1000,
    forget_a_reaction_that_nobody_has_come_to: 20,
}


@pytest.mark.parametrize("how", WITHIN, ids=lambda how: how.__name__)
def test_a_broken_frontier_is_found_out(
    how: Callable[[Patch], None], monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    how(monkeypatch.setattr)
    asked = ask(0, flows=WITHIN[how], cases=1)
    assert asked.different is not None, asked
    count("teeth", of=1)
