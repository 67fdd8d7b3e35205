"""Services: known, holding partitions, reacting, and steered by people."""

from __future__ import annotations

from msgspec.structs import astuple, replace

from dalsegno.core.commit import Committed, Done, Kept, Refused
from dalsegno.core.reactions import (
    CAREFUL_AFTER,
    GivePartitions,
    HandlerRow,
    Joined,
    Laned,
    Partition,
    React,
    Register,
    Registered,
    Service,
    ServiceRow,
    SteerService,
    Taken,
    TakePartitions,
)
from dalsegno.store.verbs.calling_off import call_off, call_off_late
from dalsegno.store.verbs.group import Group, Verb
from dalsegno.store.verbs.log import conflict, last_before
from dalsegno.store.verbs.runs import send, start


def register(item: Register, group: Group) -> Verb:
    """Make services known, with partitions where they are new."""
    services: list[ServiceRow] = []
    handlers: list[HandlerRow] = []
    for service in item.services:
        row = (item.namespace, service.name, service.partitions, service.data, group.wall)
        ((number, new),) = yield "register_service", row
        if new:
            position = yield from _beginning(service)
            rows = [(number, partition, position) for partition in range(service.partitions)]
            yield "insert_partition", rows
        for handler in service.handlers:
            yield "register_handler", (number, handler.name, handler.data)
        services.append(ServiceRow(*(yield "read_service", (item.namespace, service.name))[0]))
        handlers += [HandlerRow(*row) for row in (yield "read_handlers", (number,))]
    return Registered(tuple(services), tuple(handlers))


def _beginning(service: Service) -> Verb:
    """Return the position that a new service begins after; what retention has removed is not its loss."""
    ((last, first, _),) = yield "read_ends", ()
    if service.complete:
        return 0
    if service.start is not None:
        return max(service.start, first - 1)
    if service.start_at is not None:
        return (yield from last_before(service.start_at))
    return last


def take_partitions(item: TakePartitions, group: Group) -> Verb:
    """Take partitions that nobody owns."""
    owned = (yield "owned_partitions", (item.service, item.session)) if item.recall else []
    rows = yield "take_partitions", (item.service, item.session, item.limit)
    return Taken(tuple(Partition(*row) for row in sorted([*owned, *rows])))


def give_partitions(item: GivePartitions, group: Group) -> Verb:
    """Give partitions back."""
    given = yield "give_partition", [(item.service, partition, item.session) for partition in item.partitions]
    return Done(sum(given))


def react(item: React, group: Group) -> Verb:
    """Write what a service did with events meanwhile."""
    refusal = yield from _refusal(item)
    if refusal is None and item.expects:
        refusal = yield from conflict(item.expects, group)
    if refusal is not None:
        return refusal
    if item.positions:
        yield "move_partition", [(item.service, *moved, item.session) for moved in item.positions]
    if item.reactions:
        rows = [
            (r.event, r.handler, item.generation, int(r.outcome), r.run, r.took, r.note, group.wall)
            for r in item.reactions
        ]
        yield "insert_reaction", rows
    for laned in item.laned:
        yield from _lane(laned, item.service, group)
    for joined in item.joined:
        yield from _join(joined, item, group)
    yield from keep(item.kept, group)
    for partition, event in item.suspects:
        yield "suspect_event", (item.service, partition, event, item.session, CAREFUL_AFTER)
    group.events += [(event, None) for event in item.events]
    return Committed(group.wall)


def _refusal(item: React) -> Verb:
    """Tell what refuses a reaction, if anything does, before its first write."""
    ((generation,),) = yield "read_generation", (item.service,)
    if generation != item.generation:
        return Refused.STALE
    if item.positions:
        owned = {row[1] for row in (yield "owned_partitions", (item.service, item.session))}
        if any(partition not in owned for partition, _ in item.positions):
            return Refused.STALE
    names: set[tuple[str, str]] = set()
    numbers: set[int] = set()
    for begun in item.begun:
        name = (begun.namespace, begun.id)
        if name in names or (yield "seek_run", name):
            return Refused.CHILD_EXISTS
        if begun.number in numbers or (yield "seek_number", (begun.number,)):
            return Refused.NUMBER_TAKEN
        names.add(name)
        numbers.add(begun.number)
    return None


def landed(item: React, group: Group) -> Verb:
    """Tell whether a React landed, whose reply was lost; None if it is to be written after all."""
    for reaction in item.reactions[:1]:
        rows = yield "reaction_time", (reaction.event, reaction.handler, item.generation)
        if rows:
            return Committed(rows[0][0])
    if item.suspects and not item.reactions:  # not counted again
        rows = yield "owned_partitions", (item.service, item.session)
        if set(item.suspects) <= {(row[1], row[5]) for row in rows}:
            return Committed(group.wall)
    return None


def _lane(item: Laned, service: int, group: Group) -> Verb:
    """Start the run of a reaction; it is due once nothing of its key is before it."""
    head = (yield "lane_head", (service, item.key)) if item.key is not None else ()
    held = item.start.held or any(rank <= item.rank for _, rank in head)
    yield from start(replace(item.start, held=held, due_at=item.due_at), group)
    if item.failed is not None:
        yield "insert_entry", (item.start.number, *astuple(item.failed)[:-1], group.wall)
    if item.key is not None:
        yield "enter_lane", (service, item.key, item.rank, item.handler, item.start.number)
    yield from call_off_late(item.start, group)


def leave_lane(run: int, group: Group) -> Verb:
    """Let what waits behind a run of its key go on."""
    for service, key in (yield "leave_lane", (run,)):
        for behind, _ in (yield "lane_head", (service, key)):
            yield "let_go_on", (behind, group.wall)


def _join(item: Joined, react: React, group: Group) -> Verb:
    """Have an event join the oldest round that lacks it, or begin a new one."""
    generation = react.generation
    for run, parts in (yield "open_rounds", (item.handler, generation, item.key)):
        if not parts & item.part:
            yield from send(replace(item.send, run=run), group)
            yield "react_as", (run, item.start.number)
            if parts | item.part == item.all:
                yield "end_round", (run,)
            else:
                yield "join_round", (run, parts | item.part)
            return
    laned = Laned(item.start, item.handler, item.start.cause or 0, item.lane, due_at=item.start.due_at)
    yield from _lane(laned, react.service, group)
    yield "begin_round", (item.handler, generation, item.key, item.start.number, item.part)
    yield from send(replace(item.send, run=item.start.number), group)


def keep(kept: tuple[Kept, ...], group: Group) -> Verb:
    """Keep services' new states of keys."""
    for one in kept:
        if one.generation is not None:
            rows = yield "read_generation", (one.service,)
            if [generation for (generation,) in rows] != [one.generation]:
                continue
        if one.data is None:
            yield "forget_kept", (one.service, one.key)
        else:
            yield "keep", (one.service, one.key, one.codec, one.data, one.rank, one.event, group.wall)


def steer(item: SteerService, group: Group) -> Verb:
    """Do what a person asked of a service."""
    rows = yield "read_service", (item.namespace, item.name)
    if not rows:
        return Done(0)
    service = ServiceRow(*rows[0])
    if item.pause is not None:
        paused_at = group.wall if item.pause else None
        yield "pause_service", (service.number, paused_at, item.by, group.wall)
    if item.skip:
        yield "skip_forgotten", (service.number,)
    if item.rewind is not None:
        yield "begin_generation", (service.number, group.wall)
        yield "rewind_partitions", (service.number, item.rewind)
        for (run,) in (yield "rounds_of_service", (service.number,)):  # nothing joins them any more
            yield from send(call_off(run, item.by), group)
        ((_, first, _),) = yield "read_ends", ()
        if item.rewind < first:  # from the beginning: what was made of the log is made again
            yield "forget_states", (service.number,)
    if item.circuit is not None:
        yield "open_circuit", (*item.circuit, service.number)
    return Done(1)
