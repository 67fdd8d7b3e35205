"""Compensation debt: effects of a case that is undoing itself, and that nobody has undone yet."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from dalsegno.insight.flow.declared import Flow, Handler
from dalsegno.insight.flow.results import Debt
from dalsegno.insight.flow.trail import Happened, State, Trail


def debts(flow: Flow, trail: Trail, coming: AbstractSet[str]) -> Iterator[Debt]:
    """List what is to be undone; ``coming`` are the types that may still come.

    A case is undoing itself once it is cancelled, or an event is there that some handler undoes something
    on. An effect is undone once a handler that undoes it has reacted, to an event that came later, or after
    the effect itself.
    """
    undoing = [handler for handler in flow.handlers if handler.undoes]
    there = trail.types
    if trail.cancelled is None and not any(not there.keys().isdisjoint(each.takes) for each in undoing):
        return
    for effect in trail.events:
        able = [handler for handler in undoing if effect.type in handler.undoes]
        triggered = any(not there.keys().isdisjoint(handler.takes) for handler in able)
        if not able or not (triggered or trail.cancelled is not None):
            continue
        states = {state for handler in able for state in _undone(trail, effect, handler)}
        if State.DONE in states:
            continue
        by = tuple(handler.title for handler in able)
        if State.OPEN in states:
            yield Debt(effect.number, effect.type, by, "open")
        elif State.DEAD_LETTER in states:
            yield Debt(effect.number, effect.type, by, "dead letter")
        elif any(name in coming for handler in able for name in handler.takes):
            yield Debt(effect.number, effect.type, by, "later")
        else:
            yield Debt(effect.number, effect.type, by, "nobody")


def _undone(trail: Trail, effect: Happened, handler: Handler) -> Iterator[State]:
    """List how far a handler has come with undoing an effect."""
    for event in trail.events:
        if event.type in handler.takes:
            state = trail.state(event, handler)
            at = trail.ended_at(event, handler)
            if (
                state is not State.DONE
                or event.number > effect.number
                or (at is not None and at >= effect.at)
            ):
                yield state
