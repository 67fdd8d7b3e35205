"""The loan example of the design, with its steps filled in. Read by type checkers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dalsegno import receive, step, workflow


@dataclass
class Application:
    applicant: str


@dataclass
class Decision:
    approved: bool


@step
async def credit_check(application: Application) -> int:
    return 700


@step
def fraud_check(application: Application) -> bool:
    return False


@step
async def remind(application: Application) -> None: ...


# ordinary asyncio, made durable: gather, TaskGroup, timeout, sleep, wait, as_completed keep their meaning
@workflow
async def approve_loan(application: Application) -> Decision:
    while True:
        score, fraud = await asyncio.gather(credit_check.start(application), fraud_check.start(application))
        print(score + 1, not fraud)
        try:
            async with asyncio.timeout(86_400):  # durable: the credit check is stale after a day
                return await receive(Decision, name="underwriter")  # one that came early is waiting for us
        except TimeoutError:
            await remind(application)  # and only the checks are done again
