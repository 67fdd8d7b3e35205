"""What must hold of services after every write: who owns what, what is passed, and who is next.

P5: only its owner moves a partition, and nobody takes it from one that was not fenced. P8: a position never
goes back within a generation, an event is passed only with a reaction of each handler that takes it, and a
reaction is written once and never changes; the reactions of a key go in their order. P11: what is held has
somebody before it that may end, and whoever parked as a dead letter is one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence

from dalsegno.core.commit import Committed, EndSession, Fence, Release
from dalsegno.core.event import Event
from dalsegno.core.reactions import (
    GivePartitions,
    HandlerRow,
    Partition,
    React,
    Register,
    ServiceRow,
    SteerService,
    Taken,
    TakePartitions,
)
from dalsegno.core.runs import DEAD_LETTER, Run, Status
from dalsegno.core.sourcing import Clear
from dalsegno.core.writes import Verdict, Write
from dalsegno.store.log import DeadLetterQuery, ReactionRow
from dalsegno.store.protocol import Store
from dalsegno.testing.shadows import Breach, Broken, peek

_ALL = 1_000_000_000


def held(run: Run) -> bool:
    """Tell whether a run waits until those before it have ended."""
    return run.status is Status.PENDING and run.session is None and run.due_at is None


class Reacting:
    """Knows the services as they were after the last write."""

    def __init__(self, breach: Breach, store: Store, fenced: Collection[int]) -> None:
        self._breach = breach
        self._store = store
        self._fenced = fenced
        self._namespaces = {"default"}
        self.services: dict[int, ServiceRow] = {}
        self.partitions: dict[tuple[int, int], Partition] = {}
        self.reactions: dict[tuple[int, int, int], ReactionRow] = {}
        self._lanes: dict[int, bool] = {}  # runs in lanes, and whether they are held

    def take_as_given(self) -> None:
        """Begin with what the store holds already."""
        self.services = {row.number: row for row in self._read_services()}
        self.partitions = {(one.service, one.partition): one for one in self._read_partitions()}
        for number in range(peek(self._store.head()).last + 1):
            for row in peek(self._store.reactions(number)):
                self.reactions[row.event, row.handler, row.generation] = row

    # -- who writes

    def judge(self, item: Write, verdict: Verdict, fence: Fence | None) -> None:
        """Judge who did what an item did, in the order of the items."""
        accepted = isinstance(item, React) and isinstance(verdict, Committed)
        taken = isinstance(item, TakePartitions) and isinstance(verdict, Taken) and bool(verdict.partitions)
        if not isinstance(item, React | TakePartitions) or not (accepted or taken):
            return
        if item.session in self._fenced or fence is None or fence.session != item.session:
            self._breach("P5", f"session {item.session}, under {fence}, was let do {item}")

    # -- what is there after it

    def wrote(
        self,
        group: Sequence[Write],
        verdicts: Sequence[Verdict],
        runs: Mapping[int, Run],
        events: Mapping[int, Event],
    ) -> None:
        """Judge what a write has done to services, and to the runs that are reactions."""
        self._namespaces |= {item.namespace for item in group if isinstance(item, Register)}
        services = {row.number: row for row in self._read_services()}
        if not services:
            return
        for number, before in self.services.items():
            self._judge_service(before, services.get(number))
        partitions = {(one.service, one.partition): one for one in self._read_partitions()}
        for place, known in self.partitions.items():
            self._judge_partition(known, partitions.get(place), services, group)
        self._judge_reactions(group, verdicts, events)
        for place, one in partitions.items():
            passed_before = self.partitions.get(place)
            if passed_before is not None and passed_before.position < one.position:
                skipped = any(isinstance(item, SteerService) for item in group)
                if not skipped:
                    self._judge_passed(services[one.service], passed_before, one, events)
        self.services, self.partitions = services, partitions
        self._judge_lanes(group, runs)
        self._judge_dead_letters(runs)

    def _judge_service(self, before: ServiceRow, now: ServiceRow | None) -> None:
        if now is None or (now.name, now.partitions) != (before.name, before.partitions):
            self._breach("P8", f"service {before} became {now}")
        elif now.generation < before.generation:
            self._breach("P8", f"the generation of {now.name} went back from {before.generation}")

    def _judge_partition(
        self,
        before: Partition,
        now: Partition | None,
        services: Mapping[int, ServiceRow],
        group: Sequence[Write],
    ) -> None:
        service = services[before.service]
        if now is None:
            if not any(isinstance(item, Clear) for item in group):  # a read model of which nothing is left
                self._breach("P8", f"{before} is not there any more")
            return
        steered = any(isinstance(item, SteerService) and item.name == service.name for item in group)
        if steered:
            return
        if now.position < before.position:
            self._breach("P8", f"{service.name} went back from {before} to {now}")
        moved_by = {item.session for item in group if isinstance(item, React)}
        taken_by = {item.session for item in group if isinstance(item, TakePartitions)}
        if now.position > before.position and not moved_by & {before.session, now.session, *taken_by}:
            self._breach("P5", f"{before} of {service.name} moved to {now}, and its owner did nothing")
        self._judge_owner(before, now, group, taken_by)

    def _judge_owner(
        self, before: Partition, now: Partition, group: Sequence[Write], taken_by: Collection[int]
    ) -> None:
        if now.session == before.session:
            return
        if before.session is not None and before.session not in self._fenced:
            given = any(isinstance(item, GivePartitions) and item.session == before.session for item in group)
            if not given:
                self._breach("P5", f"{before} was taken from a session that nobody fenced: {now}")
        elif before.session is not None and not any(isinstance(i, Release | EndSession) for i in group):
            self._breach("P5", f"{before} became {now}, and nobody released it")
        if now.session is not None and now.session not in taken_by:
            self._breach("P5", f"{now} belongs to a session that has not taken it")
        same = (now.position, now.suspect) == (before.position, before.suspect)
        if same and now.crashes < before.crashes:
            self._breach("P10", f"the crashes of {before} were forgotten: {now}")

    def _judge_reactions(
        self, group: Sequence[Write], verdicts: Sequence[Verdict], events: Mapping[int, Event]
    ) -> None:
        """Look at the reactions to whatever event the group names."""
        accepted = {
            (one.event, one.handler, item.generation)
            for item, verdict in zip(group, verdicts, strict=True)
            if isinstance(item, React) and isinstance(verdict, Committed)
            for one in item.reactions
        }
        named = {one.event for item in group if isinstance(item, React) for one in item.reactions}
        found = {
            (row.event, row.handler, row.generation): row
            for event in named
            for row in peek(self._store.reactions(event))
        }
        for key, row in found.items():
            if key not in self.reactions and key not in accepted:
                self._breach("P5", f"{row} is there, and was in nothing that was accepted")
            if self.reactions.setdefault(key, row) != row:
                self._breach("P8", f"{self.reactions[key]} became {row}")
        for key in accepted - found.keys():
            if key[0] in events:
                self._breach("P8", f"the reaction {key} was committed, and is not there")
        for key in [key for key in self.reactions if key[0] in named and key not in found]:
            if key[0] in events:
                self._breach("P8", f"{self.reactions[key]} is gone, and its event is there")
            del self.reactions[key]

    def _judge_passed(
        self, service: ServiceRow, before: Partition, now: Partition, events: Mapping[int, Event]
    ) -> None:
        """Look for a reaction to each event that a partition has passed."""
        for event, handler in self._owed(service, now.partition, before.position, now.position, events):
            self._breach("P8", f"{service.name} passed {event}, and {handler.name} has not reacted to it")

    def _owed(
        self, service: ServiceRow, partition: int, after: int, last: int, events: Mapping[int, Event]
    ) -> Iterator[tuple[Event, HandlerRow]]:
        """Yield the events of a partition, with the handlers that take them and have not reacted."""
        handlers = [(handler, taken_by(handler)) for handler in peek(self._store.handlers(service.number))]
        for number in range(after + 1, last + 1):
            event = events.get(number)
            if event is None or event.namespace != service.namespace:
                continue
            if event.partition(service.partitions) != partition or event.only not in (None, service.name):
                continue
            rows = {(row.handler, row.generation) for row in peek(self._store.reactions(number))}
            for handler, types in handlers:
                if event.type in types and (handler.number, service.generation) not in rows:
                    yield event, handler

    def _judge_lanes(self, group: Sequence[Write], runs: Mapping[int, Run]) -> None:
        begun = (start.number for item in group if isinstance(item, React) for start in item.begun)
        entered = {number: place for place, number in enumerate(begun)}
        in_lanes: set[int] = set()
        for service in self.services.values():
            for lane in peek(self._store.lanes(service.number)):
                numbers = peek(self._store.lane(service.number, lane.key))
                in_lanes |= set(numbers)
                waiting = [runs[number] for number in numbers if number in runs]
                if len(waiting) < len(numbers) or lane.head != numbers[0] or lane.count != len(numbers):
                    self._breach("P8", f"the lane {lane} of {service.name} has {numbers}, of {waiting}")
                if any(run.status.ended for run in waiting):
                    self._breach("P8", f"a reaction to {lane.key} has ended, and is in its way: {waiting}")
                if waiting and held(waiting[0]):
                    self._breach("P11", f"the first of {lane} of {service.name} is held: {waiting}")
                for run in self._too_early(waiting, entered):
                    self._breach("P8", f"{run.id} goes on, and others are before it: {waiting}")
        for run in runs.values():
            if held(run) and run.number not in in_lanes:
                self._breach("P11", f"{run.id} is held, and nobody is before it")
        self._lanes = {number: number in runs and held(runs[number]) for number in in_lanes}

    def _too_early(self, lane: Sequence[Run], entered: Mapping[int, int]) -> Iterator[Run]:
        """Yield those of a lane that go on now though they did not, and stand behind others.

        One that was the first goes on when another with a lower rank comes to stand before it.
        """
        for place, run in enumerate(lane):
            went_on = self._lanes.get(run.number) is False
            came = entered.get(run.number, -1)
            overtaken = any(entered.get(other.number, -1) > came for other in lane[:place])
            if place > 0 and not held(run) and not went_on and not overtaken:
                yield run

    def _judge_dead_letters(self, runs: Mapping[int, Run]) -> None:
        states: dict[int, str] = {}
        for namespace in self._namespaces:
            query = DeadLetterQuery(namespace=namespace, state=None, limit=_ALL)
            for letter in peek(self._store.dead_letters(query)):
                states[letter.run] = letter.state
                run = runs.get(letter.run)
                ended = run is not None and run.status.ended
                if run is None or ended != (letter.state in ("resolved", "discarded")):
                    self._breach("P11", f"dead letter {letter.number} is {letter.state}, and its run {run}")
        for run in runs.values():
            parked = run.reason == DEAD_LETTER and run.status is Status.WAITING and run.session is None
            if parked and states.get(run.number) not in ("open", "redriving"):
                self._breach("P11", f"{run.id} is parked as a dead letter, and is {states.get(run.number)}")

    # -- once nothing moves any more

    def is_orphan(self, one: Partition) -> bool:
        """Whether the owner of a partition is gone, and nobody has come yet."""
        return one.session in self._fenced

    def at_rest(self, events: Mapping[int, Event]) -> None:
        """Raise ``Broken`` where a reaction has changed, an owner is dead, or an event was left undone."""
        for key, row in self.reactions.items():
            there = peek(self._store.reactions(key[0])) if key[0] in events else [row]
            if row not in there:
                raise Broken(f"P8: {row} is not there any more, but {there}")
        for one in self.partitions.values():
            service = self.services[one.service]
            if one.session in self._fenced:
                raise Broken(f"P11: {one} of {service.name} belongs to a session that was fenced")
            if one.session is None or service.paused_at is not None:
                continue
            last = max(events, default=0)
            for event, handler in self._owed(service, one.partition, one.position, last, events):
                raise Broken(f"P11: {handler.name} of {service.name} has not reacted to {event}")

    # -- reading

    def _read_services(self) -> Iterator[ServiceRow]:
        for namespace in sorted(self._namespaces):
            yield from peek(self._store.services(namespace))

    def _read_partitions(self) -> Iterator[Partition]:
        for row in self._read_services():
            yield from peek(self._store.partitions(row.number))


def taken_by(handler: HandlerRow) -> set[str]:
    """Return the types of events that a handler declares to take."""
    declared = json.loads(handler.declared or b"{}")
    takes = declared.get("takes", ()) if isinstance(declared, dict) else ()
    return {name for name, _ in takes}
