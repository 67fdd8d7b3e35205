"""A worker process for the ticket log: ``python tickets.py STORE`` works until it is killed."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field

from dalsegno import App, receive, step, workflow


@dataclass
class Activity:
    """Something was done with the ticket."""

    name: str
    resource: str


@dataclass
class LogEnds:
    """Nothing more is known of the ticket."""

    events: int


@dataclass
class Ticket:
    """What became of a ticket: the state that it ended in, and how it came there."""

    state: str = "new"
    trace: list[str] = field(default_factory=list)


@step
async def archive(ticket: Ticket) -> int:
    return len(ticket.trace)


@workflow
async def handle_ticket(case: str) -> Ticket:
    ticket = Ticket()
    while True:
        news = await receive(Activity, LogEnds)
        if isinstance(news, LogEnds):
            assert await archive(ticket) == news.events
            return ticket
        ticket.state = news.name
        ticket.trace.append(news.name)


async def main() -> None:
    app = App("tickets", include=[handle_ticket, archive], store=sys.argv[1], lease="1s", slots=500)
    async with app:
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main())
