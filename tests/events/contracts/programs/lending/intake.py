"""How an application comes in: a workflow that asks for papers, and a join of what must be known."""

import asyncio

from dalsegno import Service, all_of, emit, receive, step, workflow
from lending import facts
from lending.facts import (
    Applied,
    IncomeDoubtful,
    IncomeProven,
    PapersAsked,
    PapersChecked,
    PapersSent,
    Registered,
)

intake = Service("intake")


@step
def look_through(loan: str) -> bool:
    return bool(loan)


@intake.on(examples=[Applied("7", 50_000), {"loan": "8", "amount": 1}])
@workflow
def register(e: Applied) -> Registered:
    return Registered(e.loan)


@intake.on(emits=PapersAsked)
@workflow
async def collect(e: Registered) -> PapersChecked:
    emit(PapersAsked(e.loan))
    await receive(PapersSent)
    await look_through.start(e.loan)
    return PapersChecked(e.loan)


@intake.on()
async def prove_income(e: PapersChecked) -> IncomeProven | IncomeDoubtful:
    async with asyncio.timeout(5):
        await asyncio.sleep(0)
        proven = bool(e.loan)
    kind = {True: IncomeProven, False: IncomeDoubtful}[proven]
    return kind(e.loan)


@intake.on()
def value_house(e: PapersChecked) -> facts.HouseValued:
    return facts.HouseValued(loan=e.loan)


@intake.on()
def ask_again(e: PapersAsked) -> facts.LetterSent:
    return facts.LetterSent(e.loan)


@intake.on(all_of(IncomeProven, facts.HouseValued))
@workflow
def rate(both: tuple[IncomeProven, facts.HouseValued]) -> facts.ScoreKnown:
    income, _ = both
    return facts.ScoreKnown(income.loan, points=700)


@intake.on()
def give_up(e: IncomeDoubtful) -> facts.Refused:
    return facts.Refused(e.loan)


@intake.on()
def archive_papers(e: PapersChecked) -> None:
    print(e.loan)


@intake.on()
def count_applied(e: Applied) -> None:
    print(e.loan)


@intake.on()
def count_registered(e: Registered) -> None:
    print(e.loan)
