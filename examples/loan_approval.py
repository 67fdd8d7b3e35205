"""A loan: two checks at once, then a person decides; after a day without a word the checks are stale.

python examples/loan_approval.py
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dalsegno import App, receive, step, workflow


@dataclass
class Application:
    id: str
    applicant: str
    amount: int


@dataclass
class Decision:
    approved: bool
    by: str


@step
async def credit_check(application: Application) -> int:
    await asyncio.sleep(0.02)
    return 700


@step
def fraud_check(application: Application) -> bool:
    return application.amount > 1_000_000


@step
async def remind(application: Application) -> None:
    print(f"underwriter, {application.applicant} is waiting")


@workflow
async def approve_loan(application: Application) -> Decision:
    while True:
        score, fraud = await asyncio.gather(credit_check.start(application), fraud_check.start(application))
        try:
            async with asyncio.timeout(86_400):  # durable: the credit check is stale after a day
                return await receive(Decision, name="underwriter")  # one that came early is waiting for us
        except TimeoutError:
            await remind(application)  # and only the checks are done again


app = App("loans")


async def main() -> None:
    async with app as client:
        loan = await client.start(approve_loan, Application("77", "Ada", 20_000), id="loan-77")
        early = await client.start(approve_loan, Application("78", "Grace", 5_000), id="loan-78")
        await early.signal(Decision(approved=True, by="Edsger"), name="underwriter", id="form-78")
        print(early.id, await early.result())
        await loan.signal(Decision(approved=False, by="Edsger"), name="underwriter", id="form-77")
        print(loan.id, await loan.result())


if __name__ == "__main__":
    asyncio.run(main())
