"""Items about events, drawn at random: for the machine that writes them to both stores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from dalsegno.core.commit import DeadLetter, Emit, Kept, Send, Start, Subscription
from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.core.event import NewEvent, delivery_id
from dalsegno.core.reactions import (
    Declared,
    Forget,
    GivePartitions,
    Joined,
    Laned,
    Partition,
    React,
    ReactedAs,
    Reaction,
    Register,
    Service,
    ServiceRow,
    SteerService,
    TakePartitions,
)
from dalsegno.core.runs import Run
from dalsegno.core.writes import Write
from dalsegno.store.cases import CaseQuery
from dalsegno.store.log import DeadLetterQuery, EventQuery
from dalsegno.store.protocol import Store
from dalsegno.testing.conformance.world import KEYS
from tests.conformance.alert_items import AlertItems
from tests.conformance.case_items import CaseItems
from tests.conformance.schema_items import SchemaItems
from tests.conformance.sourcing_items import SourcingItems

NAMESPACES = ("default", "default", "default", "other")
TYPES = ("Placed", "Placed", "Paid", "Paid", "Sent", "Off")
_BESIDE = (None, None, b"{}", b'{"only":"pay"}', b'{"extensions":{"stamp":"x","y":"z"}}')


class EventItems(SourcingItems, SchemaItems, CaseItems, AlertItems):
    """Draws them; what the store in memory holds tells which of them may succeed."""

    def event_items(self) -> list[Callable[[], Write]]:
        often = [
            self.emit,
            self.emit,
            self.emit,
            self.call_a_case_off,
            self.take_partitions,
            *[self.react] * 3,
        ]
        rare = [self.register, self.give_partitions, self.steer, self.forget, self.register_schemas]
        cases = self.case_items() + [self.make_cases_one] * 3
        return often * 2 + rare + self.sourcing_items() + cases + self.alert_items()

    def event_reads(self) -> list[Callable[[Store], Awaitable[Any]]]:
        """Draw questions to ask both stores."""
        pick, at = self.rng.choice, self.clock.now() + self.rng.choice([-700, -100, -1, 0, 1])
        events = EventQuery(
            namespace=pick(NAMESPACES),
            type=pick([None, None, *TYPES]),
            key=pick([None, None, *KEYS]),
            case_id=pick([None, None, self.some_case()]),
            after=pick([0, 0, 2, 9]),
            before=pick([None, None, 5, 20]),
            since=pick([None, at]),
            until=pick([None, None, at + 100]),
            newest=pick([False, True]),
            limit=pick([0, 1, 3, 100]),
        )
        letters = DeadLetterQuery(
            state=pick([None, "open", "redriving", "resolved", "discarded"]),
            service=pick([None, 1]),
            handler=pick([None, 1, 2]),
            cause=pick([None, "ValueError"]),
            before=pick([None, 2]),
            limit=pick([1, 100]),
        )
        service, generation, after = pick([1, 2]), pick([1, 2]), pick([0, 3])
        event = pick([1, 2, 7])
        return [
            lambda store: store.events(events),
            lambda store: store.dead_letters(letters),
            lambda store: store.reacted(service, generation, after),
            lambda store: store.event(event),
            lambda store: store.known_event("default", "shop", "e-1"),
            lambda store: store.read_log(after, 3),
            lambda store: store.kept_page(service, "k-", "k-1", 2),
            lambda store: store.schemas("default", "Placed"),
            lambda store: store.versions("default", "Placed", after),
            *self.case_reads(),
            *self.alert_reads(),
        ]

    # -- what there is

    def some_service(self) -> ServiceRow | None:
        found = [
            row
            for namespace in ("default", "other")
            for row in self.runner.run(self.memory.store.services(namespace))
        ]
        return self.rng.choice(found) if found else None

    def some_handler(self, service: ServiceRow) -> int:
        found = self.runner.run(self.memory.store.handlers(service.number))
        return self.rng.choice(found).number if found else 1

    def some_partitions(self, service: ServiceRow) -> list[Partition]:
        return self.runner.run(self.memory.store.partitions(service.number))

    # -- items

    def emit(self) -> Emit:
        events = tuple(self.event() for _ in range(self.rng.randint(0, 3)))
        return Emit(events, self.expects() if events else ())

    def call_a_case_off(self) -> Emit:
        """Cancel the case of a run that is there, often on the word of another run of it."""
        cases = [(run.namespace, run.case_id, run.number) for run in self.runs() if run.case_id is not None]
        namespace, case_id, run = self.rng.choice(cases[-12:] or [("default", "c-1", 1)])
        event = replace(self.event(), namespace=namespace, case_id=case_id, cancels=True)
        return Emit((replace(event, run=run) if self.chance(2) else event,))

    def make_cases_one(self) -> Emit:
        """Have events of two cases say the same further key."""
        rows = self.runner.run(self.memory.store.cases(CaseQuery(limit=8)))
        over = self.runner.run(self.memory.store.cancelled_cases("default", (), 0)).keys()
        names = [name for row in rows for name in [row.id] * (3 if row.id in over else 1)]
        cases = self.rng.choices(names or ["c-1", "c-2"], k=2)
        say = {"namespace": "default", "data": self.some_key(), "codec": 1}
        return Emit(tuple(replace(self.event(), case_id=case, **say) for case in cases))

    def event(self, *, own: bool = False, run: Run | None = None) -> NewEvent:
        pick = self.rng.choice
        speaker = None if run is None or self.chance(6) else run.number
        return NewEvent(
            type=pick(TYPES),
            namespace=pick(NAMESPACES),
            version=pick([1, 2]),
            source="dalsegno:default/orders" if own else "shop",
            id=None if own else pick([None, "e-1", "e-2", "e-3", "e-4"]),
            key=pick([None, *KEYS, f"k-{self.age()}"]),
            case_id=None if self.chance(4) else self.some_case(),
            cause=pick([None, self.runner.run(self.memory.store.head()).last, 999]),
            run=speaker if own else pick([None, self.some_run()]),
            hops=pick([0, 0, 3]),
            traceparent=pick([None, "00-t-s-01"]),
            time=pick([None, self.clock.now() - 50]),
            codec=pick([1, 1, 1, 2]),
            data=self.some_payload(),
            extra=pick(_BESIDE),
            cancels=self.chance(4),
            sender=pick(["", "", "kim", "lou"]),
        )

    def of_events(self, run: Run) -> dict[str, Any]:
        """Draw what of a run's commit concerns events."""
        pick = self.rng.choice
        laned = self.chance(2)
        return {
            "events": tuple(self.event(own=True, run=run) for _ in range(self.rng.randrange(3))),
            "subscribes": tuple(self.subscription() for _ in range(self.rng.randrange(3))),
            "unsubscribes": self.chance(5),
            "kept": tuple(self.kept(pick([1, 2, 3, 4])) for _ in range(self.rng.randrange(2))),
            "laned": laned,
            "expects": self.expects(),
            "dead": self.dead_letter(pick(["ValueError", "KeyError"])) if self.chance(3) else None,
        }

    def subscription(self) -> Subscription:
        by_key = self.chance(2)
        value = self.rng.choice(KEYS) if by_key else self.some_case()
        return Subscription(self.rng.choice(TYPES), value, by_key, self.rng.choice(NAMESPACES))

    def kept(self, service: int) -> Kept:
        pick = self.rng.choice
        return Kept(
            service,
            pick(KEYS),
            self.some_event(),
            pick([None, b"1", b"2"]),
            pick([0, 5]),
            1,
            pick([None, 1, 2]),
        )

    def dead_letter(self, cause: str) -> DeadLetter:
        pick = self.rng.choice
        error = f"{cause}: {pick('xy')}"
        return DeadLetter(
            1, 1, self.some_event(), pick([None, *KEYS]), cause, error, pick([1, 5]), pick([True, False])
        )

    def register(self) -> Register:
        pick = self.rng.choice
        start, start_at = pick([(0, None), (2, None), (None, None), (None, self.clock.now() - 100)])
        service = Service(
            pick(["pay", "ship"]),
            tuple(
                Declared(name, pick([b"{}", b"[1]"])) for name in self.rng.sample(["one", "two", "three"], 2)
            ),
            partitions=pick([1, 3]),
            start=start,
            start_at=start_at,
            data=pick([b"{}", b"[]"]),
        )
        return Register(pick(NAMESPACES), (service,) * pick([1, 1, 2]))

    def take_partitions(self) -> Write:
        service = self.some_service()
        if service is None:
            return self.register()
        return TakePartitions(self.some_session(), service.number, self.rng.randrange(4), self.chance(4))

    def give_partitions(self) -> GivePartitions:
        service = self.some_service()
        number = 1 if service is None else service.number
        owned = [] if service is None else self.some_partitions(service)
        owners = [one.session for one in owned if one.session is not None]
        gone = tuple(self.rng.sample(range(3), self.rng.randint(1, 3)))
        return GivePartitions(self.rng.choice([*owners * 3, self.some_session()]), number, gone)

    def react(self) -> Write:
        service = self.some_service()
        if service is None:
            return self.register()
        owned = [one for one in self.some_partitions(service) if one.session is not None]
        if not owned:
            return TakePartitions(self.some_session(), service.number, 2)
        session = self.rng.choice(owned).session or 0
        mine = [one for one in owned if one.session == session or self.chance(9)]
        return React(
            session=session,
            service=service.number,
            generation=service.generation - (1 if self.chance(8) else 0),
            positions=tuple((one.partition, one.position + self.rng.randrange(-1, 4)) for one in mine),
            reactions=self.reactions(service),
            events=tuple(self.event(own=True) for _ in range(self.rng.randrange(2))),
            laned=tuple(self.laned(service) for _ in range(self.rng.randrange(3))),
            joined=(self.joined(service),) if self.chance(3) else (),
            kept=(self.kept(service.number),) if self.chance(3) else (),
            suspects=((self.rng.randrange(3), self.some_event()),) if self.chance(4) else (),
            expects=self.expects(),
        )

    def reactions(self, service: ServiceRow) -> tuple[Reaction, ...]:
        pick = self.rng.choice
        return tuple(
            Reaction(
                self.some_event(),
                self.some_handler(service),
                pick(list(ReactedAs)),
                run=pick([None, None, next(self.numbers), 1]),
                took=7,
                note=pick([None, "n"]),
            )
            for _ in range(self.rng.randrange(3))
        )

    def laned(self, service: ServiceRow) -> Laned:
        pick, event = self.rng.choice, self.some_event()
        failed = Entry(1, Kind.ATTEMPT, 1, "s", b"\x00", Outcome.ERROR, 1, data=b"1")
        return Laned(
            self.reaction_start(event),
            self.some_handler(service),
            pick([event, 1, 5]),
            key=pick([None, *KEYS]),
            failed=pick([None, failed]),
            due_at=pick([None, self.clock.now() + 50]),
        )

    def called_off(self) -> list[str]:
        """Return the cases that were cancelled last."""
        after = self.some_event() - 6
        return sorted(self.runner.run(self.memory.store.cancelled_cases("default", (), after)))[:2]

    def reaction_start(self, event: int) -> Start:
        pick, number = self.rng.choice, next(self.numbers)
        if self.chance(12):
            number = pick(range(1, number + 1))
        reason = "parked: kills its worker" if self.chance(9) else None
        name = f"pay.one#{event}" if self.chance(4) else f"pay.one#{number}"
        return Start(
            number,
            pick(["default", "default", "other"]),
            name,
            "order",
            "1",
            case_id=pick([None, self.some_case(), *self.called_off()]),
            cause=event,
            undoes=self.chance(4),
            held=reason is not None,
            reason=reason,
        )

    def joined(self, service: ServiceRow) -> Joined:
        event = self.some_event()
        told = Send(Kind.SIGNAL, name="Placed", id=delivery_id(event), data=b"1")
        return Joined(
            self.reaction_start(event),
            told,
            self.some_handler(service),
            self.rng.choice(KEYS[:2]),
            part=self.rng.choice([1, 2, 4]),
            all=7,
            lane=self.rng.choice([None, "rounds\n1", "rounds\n2"]),
        )

    def steer(self) -> SteerService:
        pick = self.rng.choice
        return SteerService(
            pick(NAMESPACES),
            pick(["pay", "ship"]),
            by="kim",
            pause=pick([None, True, False]),
            rewind=pick([None, None, 0, 2]),
            circuit=pick([None, (pick([1, 2, 3, 9]), pick([None, self.clock.now() + 50]))]),
        )

    def forget(self) -> Forget:
        head = self.runner.run(self.memory.store.head())
        before = head.first + self.rng.choice([-1, 0, 1, 2, 1_000])
        return Forget(before, self.rng.choice([1, 3]), self.rng.choice([None, head.bytes, head.bytes // 2]))
