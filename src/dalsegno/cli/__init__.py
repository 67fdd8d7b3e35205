"""The command line: faces for people who start, watch and mend runs.

Data goes to stdout, talk to stderr. Each command lies in a module of its own that is imported only
when it is called, so that ``dalsegno --help`` is there at once.

Exit codes: 0 all is well · 1 the operation or the run failed · 2 usage · 3 not found · 4 conflict, or not
possible now · 5 the store cannot be reached · 6 the run was cancelled · 124 the wait timed out ·
130 interrupted · 143 terminated.
"""

from __future__ import annotations

import click

from dalsegno import __version__
from dalsegno.cli.lazy import Lazy, LazyGroup

COMMANDS = {
    "start": Lazy("dalsegno.cli.start:start", "Start a run of a workflow in a file, and print its id."),
    "worker": Lazy("dalsegno.cli.worker:worker", "Run the workflows of files until stopped."),
    "where": Lazy("dalsegno.cli.where:where", "Say where a case or a run stands, what is owed, and by whom."),
    "explain": Lazy("dalsegno.cli.where:explain", "Say why a case, a run or an event does not move."),
    "runs": Lazy(
        "dalsegno.cli.runs:runs", "List, show, watch and export runs; signal, cancel and retry them."
    ),
    "events": Lazy("dalsegno.cli.events:events", "List, show, follow, emit and import events."),
    "cases": Lazy("dalsegno.cli.cases:cases", "List and show cases of processes; cancel one."),
    "services": Lazy(
        "dalsegno.cli.services:services", "Show how far services are; pause, resume and replay them."
    ),
    "dead-letters": Lazy(
        "dalsegno.cli.dead_letters:dead_letters",
        "What no handler could digest: show, redrive, edit, discard.",
    ),
    "flow": Lazy(
        "dalsegno.cli.flow:flow", "Draw how a process goes; check a picture of it that was committed."
    ),
    "contracts": Lazy("dalsegno.cli.contracts:contracts", "Check what services declare; export it."),
    "schemas": Lazy("dalsegno.cli.schemas:schemas", "Show registered versions of events; check a program."),
    "alerts": Lazy("dalsegno.cli.alerts:alerts", "List alerts, and look whether rules hold."),
    "metrics": Lazy(
        "dalsegno.cli.metrics:metrics", "Show what a store says; print a dashboard and alert rules."
    ),
    "doctor": Lazy("dalsegno.cli.doctor:doctor", "Look the store and its workers over."),
    "db": Lazy("dalsegno.cli.db:db", "Migrate and check the store; rebuild cases."),
    "demo": Lazy("dalsegno.cli.demo:demo", "See it work, and kill it while it does."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="dalsegno %(version)s")
def main() -> None:
    """Durable workflows: run them, see where they stand, mend what is stuck.

    Which store? --store, else DALSEGNO_STORE, else the nearest dalsegno.toml or [tool.dalsegno] in
    pyproject.toml, else the only database of dalsegno in this folder.
    """


__all__ = ["main"]
