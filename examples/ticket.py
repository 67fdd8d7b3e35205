"""A help desk ticket: one run per ticket, moved by what people do, each activity a signal with an id.

    python examples/ticket.py

The same activity may be reported twice (a retried request, a page sent again): it counts once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from dalsegno import App, receive, step, workflow


@dataclass
class Activity:
    name: str
    by: str


@dataclass
class Summary:
    activities: dict[str, int]
    people: list[str]
    escalated: int


@step
def escalate(ticket: str, seen: int) -> None:
    print(f"{ticket}: nobody has touched it for four hours, after {seen} activities")


@workflow
async def ticket(title: str) -> Summary:
    seen: list[Activity] = []
    escalated = 0
    while not seen or seen[-1].name != "closed":
        try:
            async with asyncio.timeout(4 * 3600):
                seen.append(await receive(Activity))
        except TimeoutError:
            escalated += 1
            await escalate.start(title, len(seen))
    counts = Counter(activity.name for activity in seen)
    return Summary(dict(counts), sorted({activity.by for activity in seen}), escalated)


app = App("tickets")

REPORTED = [
    ("a1", Activity("assigned", "Ada")),
    ("a2", Activity("taken in charge", "Grace")),
    ("a2", Activity("taken in charge", "Grace")),
    ("a3", Activity("waiting", "Grace")),
    ("a4", Activity("taken in charge", "Grace")),
    ("a1", Activity("assigned", "Ada")),
    ("a5", Activity("closed", "Ada")),
]

if __name__ == "__main__":
    with app as client:
        run = client.start(ticket, "the printer is on fire", id="ticket-4711")
        for number, activity in REPORTED:
            new = run.signal(activity, id=number)
            print(f"{number} {activity.name}: {'new' if new else 'known already'}")
        print(run.result())
