"""A ticket: one run conducts it until it is resolved, then services that do not know each other go on.

    python examples/ticket_lifecycle.py

Billing, a survey and a notification react side by side; the ticket is over once all three have. "quality" came
later: it reacts to what was there already, and no other part was touched. Ask where a ticket is:

    python -m dalsegno where ticket-7 --store examples/tickets.db
"""

from __future__ import annotations

from dataclasses import dataclass

from dalsegno import App, Process, Service, all_of, emit, event, receive, step, workflow


@dataclass
class OfTicket:
    ticket_id: str


@event(key="ticket_id")
class TicketOpened(OfTicket): ...


@event(key="ticket_id")
class TicketResolved(OfTicket): ...


@event(key="ticket_id")
class TicketRejected(OfTicket): ...


@event(key="ticket_id")
class Billed(OfTicket): ...


@event(key="ticket_id")
class Surveyed(OfTicket): ...


@event(key="ticket_id")
class Notified(OfTicket): ...


@event(key="ticket_id")
class QualityReviewed(OfTicket): ...


@step
def assign_expert(ticket_id: str) -> str:
    print(f"  assign {ticket_id}")
    return "Ada"


@step
def tell_expert(expert: str) -> None:
    print(f"  tell {expert}")


@workflow
def support(ticket_id: str) -> str:
    """Conduct a ticket from its opening until it is resolved."""
    emit(TicketOpened(ticket_id))
    expert = assign_expert(ticket_id)
    tell_expert(expert)
    answer = receive(str, name="answer").result()
    emit(TicketResolved(ticket_id) if answer != "spam" else TicketRejected(ticket_id))
    return answer


billing, survey, notification, quality = (
    Service("billing"), Service("survey"), Service("notification"), Service("quality"),
)  # fmt: skip


@billing.on()
def bill(e: TicketResolved) -> Billed:
    return Billed(e.ticket_id)


@survey.on()
def ask(e: TicketResolved) -> Surveyed:
    return Surveyed(e.ticket_id)


@notification.on()
def notify(e: TicketResolved) -> Notified:
    return Notified(e.ticket_id)


@quality.on(all_of(Billed, Surveyed))  # added later
def review(billed: Billed, surveyed: Surveyed) -> QualityReviewed:
    return QualityReviewed(billed.ticket_id)


ticket = Process(
    "ticket",
    starts=TicketOpened,
    ends=all_of(Billed, Surveyed, Notified) | TicketRejected,
    due="2d",
)

app = App("tickets")

if __name__ == "__main__":
    with app as client:
        for number, answer in (("7", "turn it off and on"), ("8", "spam")):
            case = f"ticket-{number}"
            print(case)
            client.start(support, number, id=f"support-{number}", case_id=case)
            client.signal(f"support-{number}", answer, name="answer", id="answer")
            client.case(case).ended(timeout="30s")
            found = client.where(case).case
            assert found is not None
            print(f"  {found.state}: {found.kind}")
