"""``dalsegno runs``: what runs there are, one of them in full or in a file, and a word to it."""

from __future__ import annotations

import click

from dalsegno.cli.exits import Commands
from dalsegno.cli.exporting import export
from dalsegno.cli.looking import list_, show, watch
from dalsegno.cli.sending import cancel, retry, signal


@click.group(cls=Commands)
def runs() -> None:
    """List, show, watch and export runs; signal, cancel and retry them.

    ID may be how an id begins, where only one does.
    """


for command in (list_, show, watch, export, signal, cancel, retry):
    runs.add_command(command)
