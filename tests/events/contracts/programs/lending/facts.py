"""The events of the lender, as Structs; those of its partners come from outside."""

from typing import Annotated

import msgspec

from dalsegno import event, upcast


class Fact(msgspec.Struct):
    loan: str


@event(key="loan")
class Applied(Fact):
    amount: Annotated[int, msgspec.Meta(ge=1)]


@event(key="loan")
class Registered(Fact): ...


@event(key="loan")
class PapersAsked(Fact): ...


@event(key="loan", outside=True)
class PapersSent(Fact): ...


@event(key="loan")
class PapersChecked(Fact): ...


@event(key="loan")
class IncomeProven(Fact): ...


@event(key="loan")
class IncomeDoubtful(Fact): ...


@event(key="loan")
class ScoreKnown(Fact):
    points: int = 0


@event(key="loan")
class HouseValued(Fact): ...


@event("RateQuoted", version=1, key="loan")
class RateInPercent(Fact):
    percent: float


@event("RateQuoted", version=2, key="loan")
class RateInBasisPoints(Fact):
    basis_points: int


@upcast
def in_basis_points(old: RateInPercent) -> RateInBasisPoints:
    return RateInBasisPoints(old.loan, int(old.percent * 100))


@event(key="loan")
class Granted(Fact): ...


@event(key="loan")
class Refused(Fact): ...


@event(key="loan")
class OfferSent(Fact): ...


@event(key="loan")
class OfferSigned(Fact): ...


@event(key="loan")
class OfferLapsed(Fact): ...


@event(key="loan")
class MoneyBlocked(Fact): ...


@event(key="loan", failure=True)
class MoneyShort(Fact): ...


@event(key="loan")
class MoneyUnblocked(Fact): ...


@event(key="loan")
class MortgageFiled(Fact): ...


@event(key="loan", failure=True)
class MortgageBarred(Fact): ...


@event(key="loan")
class Insured(Fact): ...


@event(key="loan")
class PaidOut(Fact): ...


@event(key="loan", failure=True)
class PayoutFailed(Fact): ...


@event(key="loan")
class MortgageLifted(Fact): ...


@event(key="loan")
class Closed(Fact): ...


@event(key="loan")
class FeeBooked(Fact): ...


@event(key="loan", nobody=True)
class LetterSent(Fact): ...


@event(key="loan")
class Audited(Fact): ...


@event(key="loan")
class AuditFailed(Fact): ...


@event(key="loan")
class AuditRepeated(Fact): ...


@event(key="loan", outside=True)
class ComplaintMade(Fact): ...


@event(key="loan")
class ComplaintJudged(Fact): ...


@event(key="loan")
class ComplaintSettled(Fact): ...


@event(key="loan", nobody=True)
class Flagged(Fact): ...


@event(key="loan")
class CampaignBegun(Fact): ...


@event(key="loan", nobody=True)
class LeafletSent(Fact): ...
