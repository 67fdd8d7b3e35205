"""``dalsegno events``: the log, one event with what came of it, and new ones."""

from __future__ import annotations

import click

from dalsegno.cli.emitting import emit
from dalsegno.cli.exits import Commands
from dalsegno.cli.following import list_, show, tail
from dalsegno.cli.importing import import_
from dalsegno.cli.services import replay_events


@click.group(cls=Commands)
def events() -> None:
    """List, show, follow, emit and import events; have a service react to them again."""


for command in (tail, show, list_, emit, replay_events, import_):
    events.add_command(command)
