"""What a worker does for one handler: how it is called, and the run that a reaction of it may become."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

import msgspec

from dalsegno.core.codec import digest, encode_args
from dalsegno.core.commit import Send, Start
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.event import Event, Heard, delivery_id, event_signal, told
from dalsegno.core.reactions import Joined, lane_of_rounds
from dalsegno.engine.definitions import Workflow
from dalsegno.errors import HopLimit, InvalidInput, NotDecodable, StampTooLarge
from dalsegno.events.calling import Calling, heard
from dalsegno.events.handlers import Handler
from dalsegno.events.joining import joining
from dalsegno.events.keeping import Keeping
from dalsegno.events.reaction import StepLike, run_id_of, stacked
from dalsegno.events.readable import Readable
from dalsegno.events.registry import Types
from dalsegno.events.relaying import of_both, relaying, under

_ENCODER = msgspec.json.Encoder()


class Plan:
    """One handler of one service; made when the App starts, numbered when the store knows it."""

    def __init__(
        self, handler: Handler, types: Types, readable: Readable, keeping: Keeping | None = None
    ) -> None:
        self.handler = handler
        self.title = handler.title
        self.calling = Calling(handler, types, keeping, readable)
        self._readable = readable
        self.keeping = keeping
        self.joins = bool(handler.contract.joins)
        self.is_run = self.joins or handler.workflow is not None
        self.transactional = handler.options.transaction
        self.batched = handler.options.batch is not None
        self.in_order = handler.workflow is None or handler.options.ordered
        self.step_like = StepLike(self.calling) if handler.workflow is None else None
        self.workflow: Workflow[object, object] = self._workflow()
        self.workflows = [self.workflow, *self._readers()]
        self._bits = {kind.name: 1 << place for place, kind in enumerate(handler.contract.joins)}

    def _workflow(self) -> Workflow[object, object]:
        if self.joins:
            return joining(self.calling, self.step_like)
        return stacked(self.calling) if self.step_like is None else self.step_like.workflow()

    def _readers(self) -> Iterator[Workflow[object, object]]:
        """Make the same once more for each later version of an event that this program reads, under its name."""
        for version in self._readable.versions(self.handler.takes):
            if self.step_like is not None:
                yield under(self.workflow, version)
            else:
                inner = under(self.workflow, of_both(self.workflow.version, version))
                yield inner
                yield relaying(inner, version)

    @property
    def number(self) -> int:
        """The handler's number in the store."""
        return self.calling.number

    def rank(self, event: Event) -> int:
        """Return the place of an event among those of its key that are runs."""
        if self.calling.sequence is None:
            return event.number
        try:
            return self.calling.sequence.place(self.calling.read(event))
        except (NotDecodable, InvalidInput):  # its run meets it again, and is a dead letter
            return 0

    def start(self, event: Event, number: int, generation: int, namespace: str, queue: str) -> Start:
        """Make the start of the run that a reaction becomes."""
        input_ = _ENCODER.encode(self._heard(event, generation))
        return Start(
            number=number,
            namespace=namespace,
            id=run_id_of(self.title, event.number, generation),
            workflow=self.workflow.name,
            version=self._version_for(event),
            input=input_,
            input_digest=digest(encode_args((event.number,), {}, self.title)),
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            case_id=event.case_id,
            traceparent=event.traceparent,
            queue=queue,
            cause=event.number,
            undoes=bool(self.handler.compensates),
        )

    def left_to_others(self, event: Event) -> bool:
        """Tell whether only workers with other code than this can read an event."""
        stored = (event.type, event.version)
        return not self.calling.has_read(stored) and self._readable.foreign(
            stored, self.calling.wanted(event)
        )

    def _heard(self, event: Event, generation: int) -> Heard:
        return heard(event, generation, self._readable.readers((event.type, event.version)))

    def _version_for(self, event: Event) -> str:
        """Say who may claim the run of an event: all who have the workflow, or only who reads the event, too."""
        own = self.workflow.version
        reads = self._readable.version_for((event.type, event.version), self.calling.wanted(event))
        if reads is None:
            return own
        # A join is one run, whoever begins it: its other events are sent to that one.
        anybody = self.step_like is not None or (self.left_to_others(event) and not self.joins)
        return reads if anybody else of_both(own, reads)

    def failed(
        self, event: Event, generation: int, error: BaseException, rng: random.Random
    ) -> tuple[Entry | None, int | None]:
        """Return the journal's first entry of a reaction that has failed once, and when to try again."""
        if self.step_like is None:
            return None, None
        final = isinstance(error, HopLimit | StampTooLarge)
        delay = None if final else self.handler.options.retry.next(1, error, rng)
        if self.keeping is not None or self.calling.sequence is not None:
            # its run reads what is kept first, and then tries again
            return None, delay
        return self.step_like.failed(self._heard(event, generation), error, final=delay is None), delay

    def joined(self, event: Event, start: Start, generation: int) -> Joined:
        """Make what joins an event with others of its key."""
        assert event.key is not None
        readers = self._readable.readers((event.type, event.version))
        return Joined(
            start,
            Send(
                Kind.SIGNAL,
                name=event_signal(event.type),
                id=delivery_id(event.number),
                data=told(event, readers, generation),
            ),
            self.number,
            event.key,
            part=self._bits[event.type],
            all=sum(self._bits.values()),
            lane=lane_of_rounds(self.number, generation, event.key) if self.in_order else None,
        )


def too_many_hops(event: Event, limit: int) -> HopLimit:
    """Make the error of an event that too many have led to."""
    return HopLimit(
        f"Event {event.number} ({event.type}) came after {event.hops} others, one after the other; "
        f"{limit} are allowed.",
        "Services that answer each other's events without end go round in a circle.",
        "Break the circle, or raise Limits(hops=…); then redrive it.",
        event=event.number,
        limit=limit,
    )
