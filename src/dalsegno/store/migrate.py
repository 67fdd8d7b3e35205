"""Numbered schema files, applied in order, each in one transaction with its own row.

The row keeps the file's checksum: a file that changed after it was applied is refused, and so is a
store that knows a migration which this program does not.
"""

from __future__ import annotations

import functools
import hashlib
import re
from importlib import resources
from typing import NamedTuple

from dalsegno.errors import StoreVersion

TABLE = (
    "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, "
    "checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)"
)
APPLIED = "SELECT number, name, checksum FROM migrations"


class Migration(NamedTuple):
    """One numbered file."""

    number: int
    name: str
    text: str
    checksum: str


def read_migrations(dialect: str) -> list[Migration]:
    """Read a dialect's files in order."""
    found = []
    for file in resources.files(__package__).joinpath("schema", dialect).iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name)
        if match:
            text = file.read_text("utf-8")
            checksum = hashlib.sha256(text.encode()).hexdigest()[:16]
            found.append(Migration(int(match[1]), match[2], text, checksum))
    return sorted(found)


@functools.cache
def newest(dialect: str) -> int:
    """Return the number of a dialect's last file."""
    return read_migrations(dialect)[-1].number


def pending(known: list[Migration], applied: dict[int, tuple[str, str]], address: str) -> list[Migration]:
    """Return what is still to be applied; ``applied`` is number → (name, checksum).

    Raises ``StoreVersion`` when the store is newer than this program, or one of its files changed.
    """
    newest = known[-1].number
    beyond = sorted(set(applied) - {migration.number for migration in known})
    if beyond:
        raise StoreVersion(
            f"The store {address} has schema {beyond[-1]}; this program knows {newest} and older.",
            "A newer dalsegno has used it. Writing with an older one could damage it, so nothing was touched.",
            "Upgrade dalsegno here, or name another store.",
            address=address,
            found=beyond[-1],
            known=newest,
        )
    for migration in known:
        name, checksum = applied.get(migration.number, ("", migration.checksum))
        if checksum != migration.checksum:
            raise StoreVersion(
                f"Migration {migration.number} ({name}) of {address} was applied from another text than "
                f"this program has: {checksum}, here {migration.checksum}.",
                "The schema may not be what the code expects.",
                "Use the dalsegno that made the store, or restore a backup.",
                address=address,
            )
    return [migration for migration in known if migration.number not in applied]
