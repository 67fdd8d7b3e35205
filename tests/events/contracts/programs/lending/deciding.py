"""What is decided: by rules of one module that calls another."""

from dalsegno import Service, all_of
from lending import letters
from lending.facts import (
    Audited,
    AuditFailed,
    AuditRepeated,
    Flagged,
    Granted,
    OfferLapsed,
    OfferSent,
    OfferSigned,
    RateInBasisPoints,
    RateInPercent,
    Refused,
    ScoreKnown,
)

deciding = Service("deciding")
sales = Service("sales")
audit = Service("audit")


def _verdict(e: ScoreKnown) -> Granted | Refused:
    if e.points > 500:
        return Granted(e.loan)
    return Refused(e.loan)


@deciding.on(emits=Flagged)
def decide(e: ScoreKnown) -> Granted | Refused:
    if e.points > 900:
        letters.flag(e.loan)
    verdict = _verdict(e)
    return verdict


@deciding.on()
def quote(e: ScoreKnown) -> RateInPercent:
    return RateInPercent(e.loan, 3.5)


@sales.on(all_of(Granted, RateInBasisPoints), within="10d")
def offer(granted: Granted, rate: RateInBasisPoints) -> OfferSent:
    assert rate.basis_points
    return OfferSent(granted.loan)


@sales.on()
def sign(e: OfferSent) -> OfferSigned | OfferLapsed:
    if not (signed := bool(e.loan)):
        return OfferLapsed(e.loan)
    return OfferSigned(e.loan) if signed else OfferLapsed(e.loan)


@sales.on()
def lapse(e: OfferLapsed) -> Refused:
    return Refused(e.loan)


@sales.on()
def show_rate(e: RateInBasisPoints) -> None:
    print(e.basis_points)


@audit.on()
def check_granted(e: Granted) -> Audited | AuditFailed:
    return AuditFailed(e.loan) if e.loan == "13" else Audited(e.loan)


@audit.on()
def repeat(e: AuditFailed) -> AuditRepeated:
    return AuditRepeated(e.loan)


@audit.on()
def check_again(e: AuditRepeated) -> Audited | AuditFailed:
    checks = [Audited(e.loan), AuditFailed(e.loan)]
    return checks.pop()


@audit.on()
def keep(e: Audited) -> None:
    print(e.loan)


@audit.on()
def keep_refused(e: Refused) -> None:
    print(e.loan)
