"""Parents and children: how a run starts, cancels and hears of child runs, as values to be committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from dalsegno.core import failure
from dalsegno.core.commit import Rest, Send, Start
from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.core.failure import Failure
from dalsegno.core.ops import Op
from dalsegno.core.runs import Run, Status
from dalsegno.engine.calls import ChildCall
from dalsegno.engine.live import LiveRun
from dalsegno.engine.reads import patiently
from dalsegno.engine.registry import start_of
from dalsegno.errors import RunConflict
from dalsegno.store.protocol import Store
from dalsegno.store.rows import is_child

_OUTCOMES = {
    Status.COMPLETED: Outcome.VALUE,
    Status.FAILED: Outcome.ERROR,
    Status.CANCELLED: Outcome.CANCELLED,
}


def start(parent: Run, op: Op, number: int, queue: str) -> Start:
    """Start the child that an op asks for, under a run number of its own, in its parent's queue."""
    call = _call(op)
    return start_of(
        call.workflow,
        call.input,
        number=number,
        run_id=call.child_id,
        parent=parent,
        parent_op=op.number,
        attached=not call.detached,
        queue=queue,
    )


def is_detached(op: Op) -> bool:
    """Whether the child lives on without its parent."""
    return _call(op).detached


def detached(op: Op) -> Entry:
    """Answer the start of a detached child: its id, known as soon as the start is durable."""
    return Entry(0, Kind.CHILD, op.number, op.name, op.digest, source=_call(op).child_id)


def cancel(parent: Run, op: Op) -> Send:
    """Ask the child of an op to be cancelled; asking twice is asking once."""
    child = _call(op).child_id
    return Send(
        Kind.CANCEL,
        namespace=parent.namespace,
        run_id=child,
        source=parent.id,
        id="cancel",
        release=True,
    )


async def namesakes(store: Store, starts: Sequence[Start]) -> dict[int, Run | None]:
    """Find, by the ops that start them, the runs that have the ids of these children already."""
    return {
        start.parent_op: await patiently(partial(store.find, start.namespace, start.id)) for start in starts
    }


def refused(live: LiveRun, starts: Sequence[Start], others: Mapping[int, Run | None]) -> list[Op]:
    """Answer the children whose id is another run's, and return their ops.

    Raises Diverged where a run of that parent and op is another child than the code asks for.
    """
    found: list[Op] = []
    for start in starts:
        op, other = live.execution.ops.get(start.parent_op), others[start.parent_op]
        if op is None or other is None or is_child(other, live.number, start):
            continue
        if (other.parent, other.parent_op) == (live.number, op.number):
            raise live.execution.diverged_child(op, other.workflow)
        found.append(op)
        live.answers.append(_id_taken(op, other))
    return found


def _id_taken(op: Op, other: Run) -> Entry:
    """Answer the start of a child that cannot be, since its id is another run's."""
    child = _call(op).child_id
    error = RunConflict(
        f"The child id {child!r} belongs to another run, of workflow {other.workflow}.",
        "An id names one run for as long as it is kept.",
        "Leave id= out, or give an id of its own.",
        run_id=child,
    )
    data = failure.encode(Failure.of(error))
    return Entry(0, Kind.CHILD, op.number, op.name, op.digest, Outcome.ERROR, data=data)


def result_for_parent(run: Run, rest: Rest) -> Send:
    """Tell the parent of a run how it has ended."""
    return Send(
        Kind.CHILD,
        run=run.parent,
        name=run.workflow,
        id=f"child-{run.parent_op}",
        source=run.id,
        op=run.parent_op,
        outcome=_OUTCOMES[rest.status],
        codec=rest.output_codec,
        data=rest.output if rest.status is Status.COMPLETED else rest.error,
    )


def _call(op: Op) -> ChildCall:
    assert isinstance(op.request, ChildCall)
    return op.request
