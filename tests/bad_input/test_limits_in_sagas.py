"""A saga that meets a bound still undoes all that it did (68, 89 and promise 9)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dalsegno import Limits, saga, step
from dalsegno.errors import RunCancelled
from tests.bad_input.kit import failure_of, working

pytestmark = pytest.mark.promise("P9", "P10")

DONE: list[str] = []


@step
def refund(number: int) -> None:
    DONE.append(f"refund {number}")


@step(compensate=refund)
def charge(number: int) -> None:
    DONE.append(f"charge {number}")


@step
def unship(label: str, result: str | None) -> None:
    DONE.append(f"unship {len(label)} {len(result or '')}")


@step(compensate=unship)
def ship(label: str) -> str:
    return label


@saga
def greedy() -> None:
    for number in range(1_000):
        charge(number)


@saga
async def greedy_awaited() -> None:
    for number in range(1_000):
        await charge.start(number)


@saga
def heavy(size: int) -> None:
    charge(1)
    ship("x" * size)
    raise ValueError("undo it")


@pytest.mark.parametrize("body", [greedy, greedy_awaited], ids=lambda body: body.name)
def test_a_saga_whose_journal_is_full_undoes_every_step_that_it_did(tmp_path: Path, body: object) -> None:
    DONE.clear()
    with working(tmp_path, greedy, greedy_awaited, limits=Limits(ops=5)) as client:
        run = client.start(body)  # type: ignore[call-overload]
        assert failure_of(run).type == "dalsegno.errors.JournalFull"
        assert (run.info().status, run.info().reason) == ("failed", "compensated")
    assert [f"charge {n}" for n in range(5)] + [f"refund {n}" for n in reversed(range(5))] == DONE


def test_a_compensation_whose_arguments_and_result_are_together_too_large_is_still_done(
    tmp_path: Path,
) -> None:
    DONE.clear()
    with working(tmp_path, heavy, limits=Limits(payload=1_000)) as client:
        run = client.start(heavy, 700)
        assert failure_of(run).type.endswith("ValueError")
        assert run.info().reason == "compensated"
    assert DONE == ["charge 1", "unship 700 700", "refund 1"]


def test_a_saga_that_is_cancelled_at_its_last_operation_is_undone(tmp_path: Path) -> None:
    DONE.clear()

    @saga(name="last")
    async def last() -> None:
        await charge.start(1)
        await asyncio.sleep(3600)

    with working(tmp_path, last, limits=Limits(ops=2)) as client:
        run = client.start(last)
        run.cancel()
        with pytest.raises(RunCancelled):
            run.result(20)
        assert run.info().status == "cancelled"
    assert DONE in ([], ["charge 1", "refund 1"]), "whether it was charged before the cancel came"
