"""Which store is meant: an option, the environment, a configuration file, or the only database here."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from dalsegno.errors import StoreUnreachable

APPLICATION_ID = (0x64616C73).to_bytes(4, "big")  # "dals", at offset 68 of a SQLite file's header
_ONLY = "the only database here"
_OFFSET = 68
_SQLITE = b"SQLite format 3\x00"
_BESIDE = ("-wal", "-shm", "-journal")


class Place(NamedTuple):
    """A store's address, and what named it."""

    address: str
    source: str

    def __str__(self) -> str:
        shown = Path(self.address).name if self.source == _ONLY else self.address
        return f"{shown} ({self.source})"


def resolve(option: str | None) -> Place:
    """Find out which store is meant; raise ``StoreUnreachable`` naming all that was looked at."""
    if option:
        return Place(_addressed(option), "--store")
    if (configured := configuration()) is not None:
        return configured
    folder = Path.cwd()
    found = list(databases(folder))
    if len(found) == 1:
        return Place(f"sqlite:///{found[0]}", _ONLY)
    raise _unknown(folder, found)


def configuration() -> Place | None:
    """Return the store that the environment names, else the nearest configuration file."""
    if named := os.environ.get("DALSEGNO_STORE"):
        return Place(_addressed(named), "DALSEGNO_STORE")
    return next(_configured(Path.cwd()), None)


def must_exist(place: Place) -> Place:
    """Refuse a SQLite file that is not there: who only looks must not make one."""
    path = place.address.removeprefix("sqlite:///")
    if path != place.address and not Path(path).is_file():
        raise StoreUnreachable(
            f"There is no file {path}, which {place.source} names as the store.",
            "Nothing was made in its place.",
            "Look at the name; a worker, or a program with an App, makes the file when it first runs.",
            path=path,
        )
    if place.address == "memory:":
        raise StoreUnreachable(
            f"The store memory:, which {place.source} names, is in no other process than its own.",
            "There is nothing to be seen of it from here.",
            "Name a file: --store sqlite:///orders.db",
        )
    return place


def databases(folder: Path) -> Iterator[Path]:
    """Find the databases of ours in a folder, by what their first bytes say."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.endswith(_BESIDE) and _is_ours(path):
            yield path


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_OFFSET + 4)
    except OSError:
        return False
    return head.startswith(_SQLITE) and head[_OFFSET:] == APPLICATION_ID


def _addressed(text: str, folder: Path | None = None) -> str:
    """Make an address of what a person wrote: a path is a SQLite file."""
    if text == "memory:" or ("://" in text and not text.startswith("sqlite:///")):
        return text
    path = Path(text.removeprefix("sqlite:///")).expanduser()
    return f"sqlite:///{((folder or Path.cwd()) / path).resolve()}"


def _configured(folder: Path) -> Iterator[Place]:
    """Yield the stores that configuration files name, the nearest first."""
    for file, table in configured_tables(folder):
        store = table.get("store")
        if isinstance(store, str):
            yield Place(_addressed(store, file.parent), str(file))


def configured_tables(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield what configuration files say, in a folder and above, the nearest first."""
    for parent in (folder, *folder.parents):
        for name in ("dalsegno.toml", "pyproject.toml"):
            file = parent / name
            if file.is_file():
                yield file, _table(file)


def _table(file: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from error
    if file.name == "pyproject.toml":
        content = content.get("tool", {}).get("dalsegno", {})
    return content


def _unknown(folder: Path, found: list[Path]) -> StoreUnreachable:
    here = f"there is no database of dalsegno in {folder}"
    if found:
        names = ", ".join(path.name for path in found)
        here = f"there are {len(found)} databases of dalsegno in {folder}: {names}"
    return StoreUnreachable(
        "No store is named, and it cannot be told which one is meant.",
        "Looked at: --store (not given), DALSEGNO_STORE (not set), dalsegno.toml and pyproject.toml "
        f"[tool.dalsegno] store in {folder} and above (none); {here}.",
        "Name it: --store sqlite:///orders.db",
        found=tuple(map(str, found)),
    )
