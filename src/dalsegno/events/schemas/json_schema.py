"""Whether a reader of one JSON Schema can read everything that is valid under another.

A value that the writer's schema admits must be valid under the reader's. The writer's schema is taken
apart into alternatives, the reader's is walked keyword by keyword: each keyword must hold for each
alternative. The answer "compatible" is a proof; where none is found, the answer is an incompatibility,
if need be of the kind ``unproven``. Two liberties are taken with plain validation: a reader puts in
defaults (a required property that has one may be missing), and texts that are read by a format are held
to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from msgspec import structs

from dalsegno.events.schemas.alternatives import Alternative, Claims, alternatives, narrow
from dalsegno.events.schemas.arrays import ARRAY_RULES, is_empty_array
from dalsegno.events.schemas.choices import CHOICE_RULES, VALUE_RULES
from dalsegno.events.schemas.documents import Document, Key, Node, text_of
from dalsegno.events.schemas.judging import Faults, quoted, say
from dalsegno.events.schemas.objects import OBJECT_RULES, is_empty_object
from dalsegno.events.schemas.scalars import (
    NUMBER_RULES,
    STRING_RULES,
    SubRule,
    is_empty_number,
    is_empty_string,
)
from dalsegno.events.schemas.verdicts import READER, WRITER, Incompatibility, Kind, Rule, Sides

__all__ = ["compare_json"]

_RULES: Final[dict[str, dict[str, SubRule]]] = {
    "number": NUMBER_RULES,
    "string": STRING_RULES,
    "array": ARRAY_RULES,
    "object": OBJECT_RULES,
}

_MOST_COMPARISONS: Final = 12_000
_DEEPEST: Final = 60

Pair = tuple[frozenset[tuple[Key, bool]], Key, bool, bool]


def compare_json(
    reader: Any,
    writer: Any,
    *,
    sides: Sides | None = None,
    sealed: bool = False,
    conventions: bool = True,
) -> tuple[Incompatibility, ...]:
    """List what a reader of one JSON Schema cannot read of what is valid under another.

    ``sealed``: writers write the declared properties and no others, as classes do, also where the
    schema does not forbid others. ``conventions``: refuse as well what other schema registries refuse
    although no value breaks; such findings are of the kind ``convention``. Raises InvalidInput if
    either is no JSON Schema.
    """
    wanted, written = Document(reader), Document(writer)
    comparison = _Comparison(sides or Sides(), sealed, conventions)
    try:
        found = comparison.compare(written.root, wanted.root)
    except (_TooIntricate, RecursionError):
        breaks = f"these schemas are too intricate to show that {READER} reads all that {WRITER} may send"
        found = [comparison.fault("$", Rule.TOO_INTRICATE, ("-", "-"), breaks, Kind.UNPROVEN)]
    return tuple(found)


class _TooIntricate(Exception):
    """The comparison takes more than a bounded number of steps."""


class _Comparison:
    """A Judge; it holds what is known and assumed so far."""

    def __init__(self, sides: Sides, sealed: bool, conventions: bool) -> None:
        self.sides = sides
        self.sealed = sealed
        self.conventions = conventions
        self.siblings: list[Alternative] = []
        self._steps = 0
        self._depth = 0
        # Pairs that hold, or are being looked at: whoever meets one again, deeper in the value, may
        # assume it, since a value that broke it would contain a smaller one that does.
        self._held: dict[Pair, int] = {}
        self._here: set[tuple[int, Key]] = set()
        self._never: dict[frozenset[tuple[Key, bool]], bool] = {}

    def compare(self, written: Node, wanted: Node) -> Faults:
        """Compare whole schemas."""
        if text_of(written.schema) == text_of(wanted.schema):
            return []
        if self.conventions and (fault := self._vacuous(written, wanted)):
            return [fault]
        return self.includes(((written, True),), wanted, "$")

    def _vacuous(self, written: Node, wanted: Node) -> Incompatibility | None:
        if not (written.schema is False or (written.get("not") is not None and self._rejects_all(written))):
            return None
        if written.schema is False and wanted.is_anything:
            return None
        if written.schema is not False and wanted.get("not") is not None and self._rejects_all(wanted):
            return None
        breaks = f"nothing is valid for {WRITER}, so that nothing follows for {READER}"
        sides = (say("schema", wanted.schema), say("schema", written.schema))
        return self.fault("$", Rule.NOTHING_WRITTEN, sides, breaks, Kind.CONVENTION)

    def _rejects_all(self, node: Node) -> bool:
        return node.child(node.schema["not"]).is_anything

    def includes(self, claims: Claims, node: Node, path: str, *, deeper: bool = True) -> Faults:
        """Compare a part of the value: everything that holds there with what the reader wants there."""
        if any(holds and known.key == node.key for known, holds in claims):
            return []
        if node.is_anything:
            return self._untyped(claims, path)
        pair = (_key(claims), node.key, self.sealed, self.conventions)
        if pair in self._held:
            return [] if self._held[pair] < self._depth + deeper else [self._endless(path, node)]
        self._spend()
        size, here = len(self._held), self._here
        self._held[pair] = self._depth + deeper
        self._here = set()
        self._depth += deeper
        try:
            found = self._against(claims, node, path)
        finally:
            self._depth -= deeper
            self._here = here
        while found and len(self._held) > size:  # what was shown with the help of this is not shown
            self._held.popitem()
        if not found:
            self._held[pair] = -1
        return found

    def _endless(self, path: str, node: Node) -> Incompatibility:
        breaks = f"{READER}'s schema for {quoted(path)} refers to itself without an end"
        sides = ("a reference to itself", say("schema", node.schema))
        return self.fault(path, Rule.TOO_INTRICATE, sides, breaks, Kind.UNPROVEN)

    def _spend(self) -> None:
        self._steps += 1
        if self._steps > _MOST_COMPARISONS or self._depth > _DEEPEST:
            raise _TooIntricate

    def _untyped(self, claims: Claims, path: str) -> Faults:
        if not self.conventions or all(node.is_anything for node, holds in claims if holds):
            return []
        kinds = {one.name for one in alternatives(claims)}
        if kinds <= {"object"}:
            return []
        breaks = f"{READER} no longer says what {quoted(path)} is, which {WRITER} sends as {_listed(kinds)}"
        return [self.fault(path, Rule.TYPE_DROPPED, ("anything", _listed(kinds)), breaks, Kind.CONVENTION)]

    def _against(self, claims: Claims, node: Node, path: str) -> Faults:
        ones = [self._plainer(one) for one in alternatives(claims) if not self.is_empty(one)]
        found: Faults = []
        before, self.siblings = self.siblings, ones
        for one in ones:
            faults = self.accepts(one, node, path)
            if one.barred:  # these, too, may be among what it does not take
                faults = [structs.replace(f, kind=_at_most(f.kind, Kind.UNPROVEN)) for f in faults]
            found += [fault for fault in faults if not _told(found, fault)]
        self.siblings = before
        return found

    def _plainer(self, one: Alternative) -> Alternative:
        """Leave out what an alternative must not be, where it could not be that anyway."""
        if not one.barred:
            return one
        free = replace(one, barred=())
        return replace(one, barred=tuple(node for node in one.barred if not self.is_disjoint(free, node)))

    def accepts(self, one: Alternative, node: Node, path: str) -> Faults:
        """Compare one alternative, of this very value, with one more schema of the reader."""
        self._spend()
        if node.is_anything or any(layer.key == node.key for layer in one.layers):
            return []
        if node.schema is False:
            breaks = f"{READER} accepts nothing as {quoted(path)}"
            return [self.fault(path, Rule.NOTHING_ACCEPTED, ("nothing", one.name), breaks)]
        with self._once(one, node) as first:
            if not first:
                return [self._endless(path, node)]
            return self._referred(one, node, path) or self._keywords(one, node, path)

    @contextmanager
    def _once(self, one: Alternative, node: Node) -> Iterator[bool]:
        place = (id(one), node.key)
        first = place not in self._here
        self._here.add(place)
        try:
            yield first
        finally:
            if first:
                self._here.discard(place)

    def _referred(self, one: Alternative, node: Node, path: str) -> Faults:
        found: Faults = []
        for target in node.targets():
            if target is not None:
                found += self.accepts(one, target, path)
            else:
                breaks = f"what {READER} wants as {quoted(path)} is written in another document"
                sides = (say("$ref", node.references[0]), one.name)
                found.append(self.fault(path, Rule.UNKNOWN_REFERENCE, sides, breaks, Kind.UNPROVEN))
        return found

    def _keywords(self, one: Alternative, node: Node, path: str) -> Faults:
        if node.is_reference:
            return []
        for rules in (VALUE_RULES, CHOICE_RULES):
            if found := _apply(rules, self, one, node, path):
                return found
        return _apply(_RULES.get(one.kind, {}), self, one, node, path)

    def covers(self, claims: Claims, node: Node, sealed: bool | None = None, *, here: bool = False) -> bool:
        """Tell whether surely every value that fulfils the claims is valid, by logic alone."""
        before = self.sealed, self.conventions
        self.sealed, self.conventions = self.sealed if sealed is None else sealed, False
        try:
            return not self.includes(claims, node, "$", deeper=not here)
        finally:
            self.sealed, self.conventions = before

    def is_disjoint(self, one: Alternative, node: Node) -> bool:
        """Tell whether surely no value of an alternative is valid under a schema."""
        return all(self.is_empty(each) for each in narrow(one, (node, True)))

    def is_never(self, claims: Claims) -> bool:
        """Tell whether surely no value fulfils the claims."""
        key = _key(claims)
        if key not in self._never:
            self._spend()
            self._never[key] = False  # for whoever asks on the way
            self._depth += 1
            self._never[key] = all(self.is_empty(one) for one in alternatives(claims))
            self._depth -= 1
        return self._never[key]

    def is_empty(self, one: Alternative) -> bool:
        """Tell whether an alternative surely has no value."""
        match one.kind:
            case "number":
                none = is_empty_number(one)
            case "string":
                none = is_empty_string(one)
            case "array":
                none = is_empty_array(self, one)
            case "object":
                none = is_empty_object(self, one)
            case _:
                none = False
        return none or any(self._is_within(one, node) for node in one.barred)

    def _is_within(self, one: Alternative, barred: Node) -> bool:
        """Tell whether all of an alternative is what it must not be."""
        before, self.conventions = self.conventions, False
        plain = Alternative(one.kind, one.layers, (), one.integral, one.value)
        try:
            return not self.accepts(plain, barred, "$")
        finally:
            self.conventions = before

    def fault(
        self, path: str, rule: Rule, sides: tuple[str, str], breaks: str, kind: Kind = Kind.BREAKS
    ) -> Incompatibility:
        """Note what does not fit."""
        text = self.sides.told(breaks)
        return Incompatibility(path, rule, sides[0], sides[1], text, kind)


def _apply(rules: dict[str, SubRule], judge: _Comparison, one: Alternative, node: Node, path: str) -> Faults:
    wanted: dict[Callable[..., Faults], None] = {
        rule: None for word, rule in rules.items() if word in node.schema
    }
    found: Faults = []
    for rule in wanted:
        found += [fault for fault in rule(judge, one, node, path) if not _told(found, fault)]
    return found


def _told(found: Faults, fault: Incompatibility) -> bool:
    """Tell whether this was said before, perhaps of another alternative."""
    return any((fault.path, fault.rule, fault.reader) == (f.path, f.rule, f.reader) for f in found)


def _key(claims: Claims) -> frozenset[tuple[Key, bool]]:
    return frozenset((node.key, holds) for node, holds in claims)


def _at_most(kind: Kind, most: Kind) -> Kind:
    return most if kind is Kind.BREAKS else kind


def _listed(kinds: set[str]) -> str:
    return ", ".join(sorted(kinds)) or "nothing"
