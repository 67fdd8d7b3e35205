"""The orders of the demo: a stream that a seed determines, with a known share of each trouble."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from dalsegno.core.ids import seeded


class Trouble(StrEnum):
    """What will go wrong with an order, as the number of a test card tells a payment gateway."""

    NONE = ""
    DECLINED = "card declined"
    SOLD_OUT = "sold out"
    UNREACHABLE = "no carrier goes there"
    BOUNCED = "no such mailbox"
    SLOW = "slow carrier"


SHARES = {
    Trouble.DECLINED: 0.02,
    Trouble.SOLD_OUT: 0.03,
    Trouble.UNREACHABLE: 0.03,
    Trouble.BOUNCED: 0.01,
    Trouble.SLOW: 0.05,
}


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer asked for; ``id`` is the run's id, too."""

    id: str
    amount: Decimal
    trouble: Trouble = Trouble.NONE


def stream(count: int, seed: int) -> list[Order]:
    """Make ``count`` orders; each trouble has its share of them, and at least one."""
    dice = seeded("orders", seed)
    troubles = [trouble for trouble, share in SHARES.items() for _ in range(max(1, round(share * count)))]
    troubles += [Trouble.NONE] * (count - len(troubles))
    troubles = sorted(troubles[:count], key=lambda _: dice.random())
    width = max(4, len(str(count)))
    return [
        Order(f"order-{number:0{width}}", Decimal(500 + dice.getrandbits(14)) / 100, trouble)
        for number, trouble in enumerate(troubles, 1)
    ]
