"""The money: a saga, what undoes it, and the workflow that begins campaigns by hand."""

from dalsegno import NOTHING, Process, Service, all_of, emit, saga, step, workflow
from lending.facts import (
    Applied,
    CampaignBegun,
    Closed,
    FeeBooked,
    Insured,
    MoneyBlocked,
    MoneyShort,
    MoneyUnblocked,
    MortgageBarred,
    MortgageFiled,
    MortgageLifted,
    OfferSigned,
    PaidOut,
    PayoutFailed,
    Refused,
)

treasury = Service("treasury")
registry = Service("registry")
books = Service("books")

loan = Process("loan", starts=Applied, ends=Closed | Refused, due="90d")


@step
def refund(number: str) -> None:
    print(number)


@step(compensate=refund)
def transfer(number: str) -> bool:
    return number != "13"


@step(compensate=NOTHING)
def book_fee(number: str) -> None:
    emit(FeeBooked(number))


@treasury.on()
def block(e: OfferSigned) -> MoneyBlocked | MoneyShort:
    return MoneyBlocked(e.loan) if e.loan else MoneyShort(e.loan)


@treasury.on(compensates="none")
def fall_short(e: MoneyShort) -> Refused:
    return Refused(e.loan)


@registry.on()
def file(e: MoneyBlocked) -> MortgageFiled | MortgageBarred:
    while True:
        if e.loan:
            return MortgageFiled(e.loan)
        if e.loan is None:
            break
    return MortgageBarred(e.loan)


@registry.on()
def insure(e: MoneyBlocked) -> Insured:
    return Insured(e.loan)


@treasury.on(all_of(MortgageFiled, Insured), emits=FeeBooked)
@saga
def pay_out(both: tuple[MortgageFiled, Insured]) -> PaidOut | PayoutFailed:
    filed, _ = both
    book_fee(filed.loan)
    if transfer(filed.loan):
        return PaidOut(filed.loan)
    return PayoutFailed(filed.loan)


@registry.on(compensates=MortgageFiled)
def lift(e: PayoutFailed) -> MortgageLifted:
    return MortgageLifted(e.loan)


@treasury.on(compensates=MoneyBlocked)
def unblock(e: MortgageBarred | MortgageLifted) -> MoneyUnblocked:
    return MoneyUnblocked(e.loan)


@treasury.on()
def refuse_late(e: MoneyUnblocked) -> Refused:
    return Refused(e.loan)


@books.on()
def close(e: PaidOut) -> Closed:
    return Closed(e.loan)


@books.on()
def book_paid(e: PaidOut) -> None:
    print(e.loan)


@books.on()
def book_blocked(e: MoneyBlocked) -> None:
    print(e.loan)


@books.on()
def book_unblocked(e: MoneyUnblocked) -> None:
    print(e.loan)


@books.on()
def book_lifted(e: MortgageLifted) -> None:
    print(e.loan)


@books.on()
def book_insured(e: Insured) -> None:
    print(e.loan)


@books.on()
def book_filed(e: MortgageFiled) -> None:
    print(e.loan)


@books.on()
def book_closed(e: Closed) -> None:
    print(e.loan)


@books.on()
def book_signed(e: OfferSigned) -> None:
    print(e.loan)


@books.on()
def book_failed(e: PayoutFailed) -> None:
    print(e.loan)


@books.on()
def book_barred(e: MortgageBarred) -> None:
    print(e.loan)


@workflow
def campaign(number: str) -> None:
    emit(CampaignBegun(number))
