"""Chapter one: runs are created once."""

from __future__ import annotations

from dalsegno.core.commit import Refused, Started
from dalsegno.core.runs import Run, Status
from dalsegno.testing.conformance.world import Case, World, expect, fail


async def a_start_makes_a_pending_run(world: World) -> None:
    """A new run is pending, due at once, and bears all that its start said."""
    given = {
        "input": b'{"amount":1}',
        "input_codec": 1,
        "input_digest": b"\x00\xff",
        "fingerprint": "1:abc",
        "python": "3.11",
        "parent": 77,
        "parent_op": 3,
        "attached": False,
        "depth": 2,
        "case_id": "case",
        "traceparent": "00-aa-bb-01",
    }
    start = world.a_start("order-1", **given)
    verdict = await world.one(start)
    now = world.clock.now()
    wanted = Run(
        start.number,
        "default",
        "order-1",
        "order",
        "1",
        Status.PENDING,
        due_at=now,
        created_at=now,
        changed_at=now,
        **given,  # type: ignore[arg-type]
    )
    expect(verdict, Started(True, wanted), "the verdict of a start")
    expect(await world.store.find("default", "order-1"), wanted, "the run found by its id")
    expect(await world.store.get(start.number), wanted, "the run found by its number")
