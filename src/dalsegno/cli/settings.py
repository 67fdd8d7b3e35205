"""What configuration files say beside the store: rules of alerts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dalsegno.cli.stores import configured_tables

if TYPE_CHECKING:
    from dalsegno.insight.alerts.rules import Alert


def alert_rules() -> list[Alert]:
    """Read ``[[alerts]]`` of the nearest configuration file that has any."""
    from dalsegno.insight.alerts.rules import read_rules

    for file, table in configured_tables(Path.cwd()):
        found = table.get("alerts")
        if found is not None:
            if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
                raise click.UsageError(f"{file}: alerts is to be a list of tables, each headed [[alerts]].")
            return read_rules(found, str(file))
    return []
