"""Both type checkers agree with what users write, and complain where it is wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
_FACES = ("first.py", "loan.py", "face.py", "events.py", "sourcing.py", "testing.py", "transactions.py")
_EXAMPLES = ("choreography.py", "read_models.py")
GOOD = [*(str(HERE / name) for name in _FACES), *(str(ROOT / "examples" / name) for name in _EXAMPLES)]

WRONG = """\
from dataclasses import dataclass

from dalsegno import Aggregate, App, Service, event, step, workflow
from dalsegno import Tx
from dalsegno.testing import explore, rehearse

@step
def weigh(order: str) -> float:
    return 1.0

@step(transaction=True)
def book(tx: Tx, order: str) -> int:
    return tx.execute(order)  # WRONG: it gives rows

@workflow
def pack(order: str) -> float:
    book(5)  # WRONG: it wants text, and no transaction
    weigh(order, 3)  # WRONG: one argument too many
    text: str = weigh.start(order).result()  # WRONG: it is a float
    print(text, pack.start(8))  # WRONG: it wants text
    return weigh(7)  # WRONG: it wants text

with App() as client:
    client.start(pack, 5)  # WRONG: it wants text

with rehearse() as play:
    weight: str = play.start(pack, "a").result()  # WRONG: it is a float
explore(pack, 5)  # WRONG: it wants text
explore(pack)  # WRONG: it wants text
explore(pack, "a", pears=5)  # WRONG: there is no such option

@event("Placed", version=1, key="id")
@dataclass
class Placed:
    id: str

@event("Paid", version="2")  # WRONG: a version is a number
@dataclass
class Paid:
    id: str

shop = Service("shop", max_lag="5m")  # WRONG: it counts events

@shop.on(after_dead_letter="stop")  # WRONG: "wait" or "go on"
def ship(e: Paid) -> None: ...

class Order(Aggregate):
    paid: int = 0

    def apply(self, e: Placed) -> None: ...
    def pay(self, cents: int) -> None: ...

with App() as client:
    client.aggregate(Order, "o-1").run(Order.pay, "5")  # WRONG: it is a number
    placed: Placed = client.aggregate(Order, "o-1").load()  # WRONG: it is an Order
    client.projection(shop)  # WRONG: a service is no read model

@shop.on(attempts=5)
def pay(e: Placed) -> Paid:
    return Placed(e.id)  # WRONG: it is not what the handler declares

Placed(5)  # WRONG: it wants text
pay(Paid("1"))  # WRONG: it takes Placed
"""


@pytest.mark.parametrize(
    "checker",
    [("mypy", "--strict", "--follow-imports=silent"), ("pyright", "--pythonpath", sys.executable)],
    ids=["mypy", "pyright"],
)
def test_what_is_right_passes_and_what_is_wrong_is_seen(checker: tuple[str, ...], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(WRONG, "utf-8")
    checked = subprocess.run(
        [sys.executable, "-m", *checker, *GOOD, str(wrong)],
        cwd=ROOT,
        env=os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    told = checked.stdout + checked.stderr
    found = {(Path(name).name, int(line)) for name, line in re.findall(r"([^\s:]+\.py):(\d+):.*error", told)}
    expected = {("wrong.py", n) for n, line in enumerate(WRONG.splitlines(), 1) if "# WRONG" in line}
    assert found == expected, told
