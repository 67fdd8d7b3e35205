"""Letters, and flags: helpers that other modules call, and handlers that write."""

from dalsegno import Service, emit
from lending.facts import (
    CampaignBegun,
    Closed,
    ComplaintJudged,
    ComplaintMade,
    ComplaintSettled,
    Fact,
    FeeBooked,
    Flagged,
    LeafletSent,
    LetterSent,
    OfferSent,
    Refused,
)

writing = Service("writing")
complaints = Service("complaints")


def flag(loan: str) -> None:
    emit(Flagged(loan))


def letter(about: Fact) -> LetterSent:
    return LetterSent(about.loan)


@writing.on()
def write_offer(e: OfferSent) -> LetterSent:
    return letter(e)


@writing.on()
def write_refusal(e: Refused) -> LetterSent:
    return letter(e)


@writing.on()
def write_closing(e: Closed) -> LetterSent | None:
    return None if e.loan == "" else letter(e)


@writing.on()
def write_fee(e: FeeBooked) -> LetterSent:
    return letter(e)


@writing.on(batch=20, linger="1s")
def send_leaflets(events: list[CampaignBegun]) -> list[LeafletSent]:
    sent: list[LeafletSent] = []
    for each in events:
        sent.extend([LeafletSent(each.loan)] if each.loan else [])
    return sent


@complaints.on()
def judge(e: ComplaintMade) -> tuple[ComplaintJudged, LetterSent]:
    return ComplaintJudged(e.loan), letter(e)


@complaints.on()
def settle(e: ComplaintJudged) -> ComplaintSettled | None:
    return ComplaintSettled(e.loan) if e.loan else None


@complaints.on()
def pay_complaint(e: ComplaintSettled) -> FeeBooked:
    return FeeBooked(e.loan)


@complaints.on()
def count_complaints(e: ComplaintMade) -> None:
    print(e.loan)


@complaints.on()
def count_judged(e: ComplaintJudged) -> None:
    print(e.loan)
