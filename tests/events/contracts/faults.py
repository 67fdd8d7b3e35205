"""Faults to plant in the programs beside this file: what to change, and what is to be found where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"

SHOP, LENDING, FLEET = "shop.py", "lending/main.py", "fleet/main.py"
STYLES = (SHOP, LENDING, FLEET)


@dataclass(frozen=True)
class Edit:
    """One change of a file's text, which stands there exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Fault:
    """A change that makes a program faulty, and where it is to be found: ``up`` lines above a text."""

    program: str
    kind: str
    edits: tuple[Edit, ...]
    rule: str
    file: str
    near: str
    up: int = 0

    @property
    def name(self) -> str:
        """Name it in a list of tests."""
        return f"{self.kind} in {self.program.split('/')[0].removesuffix('.py')}"

    def line(self, folder: Path) -> int:
        """Count the line at which it is to be found, in the changed program."""
        lines = (folder / self.file).read_text("utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if self.near in line) - self.up


def plant(folder: Path, faults: tuple[Fault, ...]) -> None:
    """Change the programs in a folder."""
    for edit in (edit for fault in faults for edit in fault.edits):
        file = folder / edit.file
        text = file.read_text("utf-8")
        assert text.count(edit.old) == 1, f"{edit.file} has {text.count(edit.old)} times {edit.old!r}"
        file.write_text(text.replace(edit.old, edit.new), "utf-8")


_INTAKE, _DECIDING, _LETTERS = "lending/intake.py", "lending/deciding.py", "lending/letters.py"
_PAYING, _FACTS = "lending/paying.py", "lending/facts.py"
_DISPATCH, _BILLING, _WATCH = "fleet/desks/dispatch.py", "fleet/desks/billing.py", "fleet/desks/watch.py"
_RIDES, _MONEY = "fleet/events/rides.py", "fleet/events/money.py"

SIX = (
    # -- plain functions of one module
    Fault(
        SHOP,
        "event without emitter",
        (Edit("shop.py", ", outside=True)\nclass CourierLate", ")\nclass CourierLate"),),
        "no-emitter", "shop.py", "def tell_late", up=1,
    ),
    Fault(
        SHOP,
        "event without handler",
        (Edit("shop.py", "def congratulate(e: LevelReached)", "def congratulate(e: PointsAwarded)"),),
        "no-handler", "shop.py", "def level", up=1,
    ),
    Fault(
        SHOP,
        "untrue declaration",
        (
            Edit(
                "shop.py",
                "    return ItemsPicked(e.order_id)\n",
                "    if not e.order_id:\n        return ItemsBroken(e.order_id)\n    return ItemsPicked(e.order_id)\n",
            ),
        ),
        "undeclared", "shop.py", "        return ItemsBroken(e.order_id)",
    ),
    Fault(
        SHOP,
        "cycle",
        (
            Edit(
                "shop.py",
                "def count_points(e: PointsAwarded) -> None: ...",
                "def count_points(e: PointsAwarded) -> PointsAwarded:\n    return PointsAwarded(e.order_id)",
            ),
        ),
        "no-exit", "shop.py", "def count_points", up=1,
    ),
    Fault(
        SHOP,
        "missing compensation",
        (Edit("shop.py", "@inventory.on(compensates=StockReserved)", "@inventory.on()"),),
        "no-compensation", "shop.py", "def put_back", up=1,
    ),
    Fault(
        SHOP,
        "incompatible schema",
        (Edit("shop.py", "@downcast\n", ""), Edit("shop.py", "all_of, downcast, event", "all_of, event")),
        "no-converter", "shop.py", "def sum_invoices", up=1,
    ),
    # -- several modules, with stacked workflows and joins
    Fault(
        LENDING,
        "event without emitter",
        (Edit(_FACTS, ", outside=True)\nclass PapersSent", ")\nclass PapersSent"),),
        "no-emitter", _INTAKE, "await receive(PapersSent)",
    ),
    Fault(
        LENDING,
        "event without handler",
        (Edit(_DECIDING, "def keep(e: Audited)", "def keep(e: AuditFailed)"),),
        "no-handler", _DECIDING, "def check_granted", up=1,
    ),
    Fault(
        LENDING,
        "untrue declaration",
        (
            Edit(
                _LETTERS,
                "    emit(Flagged(loan))\n",
                "    emit(Flagged(loan))\n    note = LetterSent(loan)\n    emit(note)\n",
            ),
        ),
        "undeclared", _LETTERS, "note = LetterSent(loan)",
    ),
    Fault(
        LENDING,
        "cycle",
        (
            Edit(_DECIDING, "def check_again(e: AuditRepeated) -> Audited | AuditFailed:", "def check_again(e: AuditRepeated) -> AuditFailed:"),
            Edit(_DECIDING, "    checks = [Audited(e.loan), AuditFailed(e.loan)]\n", "    checks = [AuditFailed(e.loan)]\n"),
        ),
        "no-exit", _DECIDING, "def repeat", up=1,
    ),
    Fault(
        LENDING,
        "missing compensation",
        (
            Edit(_PAYING, "def unblock(e: MortgageBarred | MortgageLifted)", "def unblock(e: MortgageBarred)"),
            Edit(_PAYING, "def refuse_late(e: MoneyUnblocked)", "def refuse_late(e: MoneyUnblocked | MortgageLifted)"),
        ),
        "no-compensation", _PAYING, "def unblock", up=1,
    ),
    Fault(
        LENDING,
        "incompatible schema",
        (Edit(_FACTS, "@upcast\n", ""),),
        "no-converter", _DECIDING, "def offer", up=1,
    ),
    # -- classes, closures, factories, and names that are handed on
    Fault(
        FLEET,
        "event without emitter",
        (Edit(_RIDES, ", outside=True)\n@attrs.frozen\nclass PositionSeen", ")\n@attrs.frozen\nclass PositionSeen"),),
        "no-emitter", _DISPATCH, "def see(self",
    ),
    Fault(
        FLEET,
        "event without handler",
        (
            Edit(_BILLING, "def filed(event: TaxFiled)", "def filed(event: TaxDue)"),
            Edit(_WATCH, 'filed = Report(events.TaxFiled, "filed")\n', ""),
        ),
        "no-handler", _BILLING, "def react", up=1,
    ),
    Fault(
        FLEET,
        "untrue declaration",
        (
            Edit(
                _DISPATCH,
                "        return self.send_car(taken)\n",
                '        if taken.ride == "14":\n            return self._answer(e.GuestOut, taken)\n        return self.send_car(taken)\n',
            ),
        ),
        "undeclared", _DISPATCH, "return kind(about.ride)",
    ),
    Fault(
        FLEET,
        "cycle",
        (
            Edit(_DISPATCH, "def look_again(self, explained: e.DetourExplained) -> list[e.DetourSeen]:", "def look_again(self, explained: e.DetourExplained) -> e.DetourSeen:"),
            Edit(_DISPATCH, "return [e.DetourSeen(ride) for ride in explained.ride.split()]", "return e.DetourSeen(explained.ride)"),
        ),
        "no-exit", _DISPATCH, "def look_again",
    ),
    Fault(
        FLEET,
        "missing compensation",
        (Edit(_DISPATCH, 'service.on(name="call_back", compensates=e.CarSent)', 'service.on(name="call_back")'),),
        "no-compensation", _DISPATCH, "def call_back",
    ),
    Fault(
        FLEET,
        "incompatible schema",
        (Edit(_MONEY, "@downcast\n", ""),),
        "no-converter", _BILLING, "def old_ledger", up=1,
    ),
)  # fmt: skip
"""Six faults in each of three programs."""

MORE = (
    Fault(
        SHOP,
        "an event that is declared and never made",
        (Edit("shop.py", "return FraudSuspected(e.order_id) if suspected else OrderCleared(e.order_id)", "return None if suspected else OrderCleared(e.order_id)"),),
        "never-given", "shop.py", "def score", up=1,
    ),
    Fault(
        SHOP,
        "an event that a body emits and nothing declares",
        (
            Edit("shop.py", "all_of, downcast, event", "all_of, downcast, emit, event"),
            Edit("shop.py", "    return InvoiceSent(e.order_id, 995)\n", '    emit(message(e, "bill"))\n    return InvoiceSent(e.order_id, 995)\n'),
        ),
        "undeclared", "shop.py", 'emit(message(e, "bill"))',
    ),
    Fault(
        SHOP,
        "a way that reaches no end",
        (Edit("shop.py", "def turn_down(e: OrderInvalid) -> OrderRejected:\n    return OrderRejected(e.order_id)\n", "def turn_down(e: OrderInvalid) -> None:\n    print(e.order_id)\n"),),
        "no-end", "shop.py", "def validate", up=1,
    ),
    Fault(
        SHOP,
        "something owed behind an end",
        (Edit("shop.py", "(e: OrderClosed) -> PointsAwarded | None:", "(e: OrderClosed) -> PointsAwarded:"),),
        "owed-after-end", "shop.py", 'order = Process("order"',
    ),
    Fault(
        LENDING,
        "an end that waits for what may not come",
        (Edit(_DECIDING, "@sales.on()\ndef lapse(e: OfferLapsed) -> Refused:\n    return Refused(e.loan)\n", "@sales.on()\ndef lapse(e: OfferLapsed) -> None:\n    print(e.loan)\n"),),
        "no-end", _DECIDING, "def sign", up=1,
    ),
    Fault(
        LENDING,
        "an example that no emitter could write",
        (Edit(_INTAKE, '{"loan": "8", "amount": 1}', '{"loan": "8", "amount": 0}'),),
        "bad-example", _INTAKE, "def register", up=2,
    ),
    Fault(
        LENDING,
        "an emitted event that emits= names and nothing emits",
        (Edit(_PAYING, "    emit(FeeBooked(number))\n", "    print(number)\n"),),
        "never-given", _PAYING, "def pay_out", up=2,
    ),
    Fault(
        FLEET,
        "nobody=True beside a handler",
        (Edit(_RIDES, 'key="ride")\n@attrs.frozen\nclass RideOffered', 'key="ride", nobody=True)\n@attrs.frozen\nclass RideOffered'),),
        "undeclared", _RIDES, "class RideOffered", up=2,
    ),
)  # fmt: skip
"""What the other rules find."""
