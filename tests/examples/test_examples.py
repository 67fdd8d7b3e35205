"""Each example runs as its first lines say, and prints what it should; killed, it goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

ORDERS = """\
order 123
  charge 99.99
  reserve the stock
  ship to Milan
  confirm
  payment-123: completed
order 124
  charge 20
  reserve the stock
  release the stock
  refund payment-124
  no courier goes to Atlantis: failed, compensated
"""

LOANS = """\
loan-78 Decision(approved=True, by='Edsger')
loan-77 Decision(approved=False, by='Edsger')
"""

COUNTS = "{'assigned': 1, 'taken in charge': 2, 'waiting': 1, 'closed': 1}"

TICKET = f"""\
a1 assigned: new
a2 taken in charge: new
a2 taken in charge: known already
a3 waiting: new
a4 taken in charge: new
a1 assigned: known already
a5 closed: new
Summary(activities={COUNTS}, people=['Ada', 'Grace'], escalated=0)
"""

WORDS = """\
[('the', 8), ('over', 2), ('sea', 2)]
4 child runs
"""

REPORTS = """\
report of 21 November: 941 orders
report of 22 November: 942 orders
report of 23 November: 943 orders
"""

CHOREOGRAPHY = """\
order 123
  charge 99.99
  reserve the stock
  ship to Milan
  confirm
  ConfirmationSent
order 124
  OrderRejected
order 125
  charge 20
  refund
  OrderRejected
order 126
  charge 20
  reserve the stock
  release the stock
  refund
  OrderRejected
"""

TICKETS = """\
ticket-7
  assign 7
  tell Ada
  ended: hybrid
ticket-8
  assign 8
  tell Ada
  ended: orchestration
"""

VIEWS = """\
order 8 is shipped
order_status: 7: Status(state='shipped', customer='Ada', steps=3)
order_status: 8: Status(state='shipped', customer='Grace', steps=3)
order_status: 9: Status(state='cancelled', customer='Ada', steps=3)
order_analytics: all orders: Figures(placed=3, paid=3, cancelled=1, cents=3400, by_reason={'too late': 1})
customer_history: Ada: History(cents=2900, lines=['placed 7', 'paid 7', 'placed 9', 'paid 9', 'got 7', 'cancelled 9'])
customer_history: Grace: History(cents=500, lines=['placed 8', 'paid 8', 'got 8'])
after the third event: Figures(placed=2, paid=1, cancelled=0, cents=2000, by_reason={})
"""

FIRST = """\
charge 99.99
reserve 123
ship 123
confirm 123
payment-123
"""

EXAMPLES = {
    "examples/order_saga.py": ORDERS,
    "examples/choreography.py": CHOREOGRAPHY,
    "examples/read_models.py": VIEWS,
    "examples/loan_approval.py": LOANS,
    "examples/ticket.py": TICKET,
    "examples/ticket_lifecycle.py": TICKETS,
    "examples/fan_out.py": WORDS,
    "examples/nightly_report.py": "report-2026-11-21 is waiting until tomorrow\n",
    "examples/nightly_report.py --hurry": REPORTS,
    "tests/examples/as_they_stand/first.py": FIRST,
}


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file, *arguments = command.split()
    ours = {"DALSEGNO_STORE": f"sqlite:///{folder}/example.db", "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, str(ROOT / file), *arguments],
        cwd=folder,
        env=os.environ | ours,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", EXAMPLES)
def test_an_example_prints_what_it_should(command: str, tmp_path: Path) -> None:
    ran = run(command, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == EXAMPLES[command]


def test_every_example_is_tested() -> None:
    files = {f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py")}
    assert files == {command.split()[0] for command in EXAMPLES if command.startswith("examples")}


@pytest.mark.promise("P8")
def test_services_that_are_started_again_react_to_no_event_twice(tmp_path: Path) -> None:
    run("examples/choreography.py", tmp_path)
    again = run("examples/choreography.py", tmp_path)
    assert again.returncode == 0, again.stderr
    assert [line for line in CHOREOGRAPHY.splitlines() if "order" in line.lower() or "Sent" in line] == (
        again.stdout.splitlines()
    )


@pytest.mark.promise("P6")
@pytest.mark.parametrize("command", ["tests/examples/as_they_stand/first.py", "examples/order_saga.py"])
def test_an_example_that_is_run_again_repeats_no_effect(command: str, tmp_path: Path) -> None:
    run(command, tmp_path)
    again = run(command, tmp_path)
    assert again.returncode == 0, again.stderr
    assert "charge" not in again.stdout
    assert "payment-123" in again.stdout
