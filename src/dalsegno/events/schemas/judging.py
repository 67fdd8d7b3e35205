"""What the rules for single keywords ask of the comparison that they are part of."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from re import Pattern
from typing import Any, Protocol

from dalsegno.events.schemas.alternatives import Alternative, Claims
from dalsegno.events.schemas.documents import Node
from dalsegno.events.schemas.verdicts import Incompatibility, Kind, Rule, Sides

__all__ = ["Faults", "Judge", "matches", "matches_all", "part", "quoted", "say", "speaks_of"]

Faults = list[Incompatibility]


class Judge(Protocol):
    """A comparison under way.

    ``sealed``: writers write declared properties only. ``conventions``: also refuse what schema
    registries refuse although no value breaks. ``siblings``: what else the writer may send in this place.
    """

    sides: Sides
    sealed: bool
    conventions: bool
    siblings: list[Alternative]

    def includes(self, claims: Claims, node: Node, path: str) -> Faults:
        """Compare a part of the value: everything that holds there with what the reader wants there."""
        ...

    def accepts(self, one: Alternative, node: Node, path: str) -> Faults:
        """Compare one alternative, of this very value, with one more schema of the reader."""
        ...

    def covers(self, claims: Claims, node: Node, sealed: bool | None = None, *, here: bool = False) -> bool:
        """Tell whether surely every value that fulfils the claims is valid, by logic alone.

        ``sealed`` is False where the claims are not the writer's, ``here`` says that this very value is
        meant, and not a part of it.
        """
        ...

    def is_disjoint(self, one: Alternative, node: Node) -> bool:
        """Tell whether surely no value of an alternative is valid under a schema."""
        ...

    def is_empty(self, one: Alternative) -> bool:
        """Tell whether an alternative surely has no value."""
        ...

    def is_never(self, claims: Claims) -> bool:
        """Tell whether surely no value fulfils the claims."""
        ...

    def fault(
        self, path: str, rule: Rule, sides: tuple[str, str], breaks: str, kind: Kind = Kind.BREAKS
    ) -> Incompatibility:
        """Note what does not fit. ``breaks`` is a sentence with READER and WRITER."""
        ...


def part(path: str, name: str) -> str:
    """Return the path of a property: ``$.name``, or ``$['a name']`` where it is no plain word."""
    return f"{path}.{name}" if name.isidentifier() else f"{path}[{name!r}]"


def quoted(path: str) -> str:
    """Name a place in a sentence."""
    return "the value" if path == "$" else f"`{path.removeprefix('$.')}`"


def say(keyword: str, value: Any) -> str:
    """Write what a schema says, short."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return f"{keyword} {text if len(text) <= 90 else text[:90] + '…'}"


def speaks_of(node: Node, words: frozenset[str]) -> object:
    """Return what a schema says by some keywords; all that it is, where it refers to others."""
    if node.references:
        return node.key
    return {word: said for word, said in node.schema.items() if word in words}


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Pattern[str] | None:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None


def matches(pattern: str, text: str) -> bool | None:
    """Tell whether a text matches a schema's pattern; None where Python does not know the pattern."""
    compiled = _compiled(pattern)
    return None if compiled is None else compiled.search(text) is not None


_ANY_NUMBER = re.compile(r"\^?(?:(?:[\w. -]|\\[dDwWsS]|\[[^\[\]\\^]+\])(?:\*|\?))*")


def matches_all(pattern: str) -> bool:
    """Tell whether plainly every text matches: all that a pattern asks for may be missing (``^a*``)."""
    return _ANY_NUMBER.fullmatch(pattern) is not None
