"""Power cuts: what may be left of a database's files after each change in the log of a ``Disk``.

What was synced is there. Of what was written since, any part may have reached the disk, in any order:
nothing, everything, or of each sector what it held before, what was written, the beginning of it, or rubbish. Files
are flushed independently. Names that were made or deleted are kept in order, as by a journalling file
system, and become durable with a sync of the folder. Bytes beside a write are not touched (what SQLite
calls powersafe overwrite).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from dalsegno.testing.disk import Action, Change

SECTOR = 512

Survival = Callable[[Sequence[Change]], Sequence[Change]]
"""Picks what of a file's unsynced changes has reached the disk."""


class Cut(NamedTuple):
    """The files after a power cut that came behind the first ``after`` changes of a log."""

    after: int
    how: str
    files: Mapping[str, bytes]

    def lay(self, path: Path, rng: Random) -> None:
        """Write the files where a store may open them; what was shared memory holds rubbish."""
        for suffix, content in self.files.items():
            Path(f"{path}{suffix}").write_bytes(content)
        if "-wal" in self.files:
            Path(f"{path}-shm").write_bytes(rng.randbytes(32_768))


class Platter:
    """What is surely on the disk after some changes of a log, and what may be."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}  # durable: which file a name stands for
        self._renamed: list[tuple[str, int | None]] = []  # names made and deleted since
        self._now: dict[str, int] = {}
        self._sure: list[bytearray] = []
        self._loose: list[list[Change]] = []

    def take(self, change: Change) -> None:
        """Follow one change."""
        if change.action is Action.OPEN:
            self._begin(change)
        elif change.action is Action.DELETE:
            self._renamed.append((change.file, None))
            self._now.pop(change.file, None)
            if change.folder:
                self._settle_names()
        elif change.action is Action.SYNC:
            number = self._now[change.file]
            if not change.lost:
                _apply(self._sure[number], self._loose[number])
            self._loose[number].clear()
            if change.folder:
                self._settle_names()
        else:
            self._loose[self._now[change.file]].append(change)

    def _begin(self, change: Change) -> None:
        number = len(self._sure)
        self._sure.append(bytearray(change.data))
        self._loose.append([])
        self._now[change.file] = number
        if change.data:  # it was there before this log
            self._names[change.file] = number
        else:
            self._renamed.append((change.file, number))

    def _settle_names(self) -> None:
        self._names = dict(self._now)
        self._renamed.clear()

    def left(self, survives: Survival, names: float) -> dict[str, bytes]:
        """Return the files after a cut; ``names`` is which part of the changes of names survived, from the first."""
        standing = dict(self._names)
        for name, number in self._renamed[: round(names * len(self._renamed))]:
            standing.pop(name, None)
            if number is not None:
                standing[name] = number
        found = {}
        for name, number in standing.items():
            content = bytearray(self._sure[number])
            _apply(content, survives(self._loose[number]))
            found[name] = bytes(content)
        return found


def cuts(log: Sequence[Change], rng: Random, *, shuffles: int = 2, every: int = 1) -> Iterator[Cut]:
    """Cut the power behind every change (or one in ``every``), in each way that leaves something else.

    The ways are: nothing unsynced survived, all of it did, and ``shuffles`` drawn ones.
    """
    platter = Platter()
    seen: set[bytes] = set()
    begun = False
    for after, change in enumerate(log, 1):
        platter.take(change)
        begun = begun or change.action is not Action.OPEN  # the log begins with the files that were there
        if not begun or after % every:
            continue
        for how, survives, names in _ways(rng, shuffles):
            files = platter.left(survives, names)
            if (digest := _digest(files)) not in seen:
                seen.add(digest)
                yield Cut(after, how, files)


def _ways(rng: Random, shuffles: int) -> Iterator[tuple[str, Survival, float]]:
    yield "nothing", nothing, 0.0
    yield "everything", everything, 1.0
    for _ in range(shuffles):
        yield "shuffled", lambda loose: shuffled(loose, rng), rng.random()


def nothing(loose: Sequence[Change]) -> Sequence[Change]:
    """Let nothing survive that was not synced."""
    return ()


def everything(loose: Sequence[Change]) -> Sequence[Change]:
    """Let all of it survive."""
    return loose


def shuffled(loose: Sequence[Change], rng: Random) -> Sequence[Change]:
    """Let the sectors of a file survive or not, each for itself; now and then all or none of them."""
    luck = (0.0, 0.2, 0.5, 0.8, 1.0)[int(rng.random() * 5)]
    found: list[Change] = []
    for change in loose:
        if change.action is Action.TRUNCATE:
            if rng.random() < luck:
                found.append(change)
            continue
        for start in range(-(change.at % SECTOR), len(change.data), SECTOR):
            piece = change.data[max(start, 0) : start + SECTOR]
            at = change.at + max(start, 0)
            if rng.random() < luck:
                found.append(Change(Action.WRITE, change.file, at, piece))
            elif rng.random() < 0.05:
                torn = piece[: int(rng.random() * len(piece))]
                rubbish = rng.randbytes(len(piece) - len(torn)) if rng.random() < 0.5 else b""
                found.append(Change(Action.WRITE, change.file, at, torn + rubbish))
    return found


def _apply(content: bytearray, changes: Sequence[Change]) -> None:
    for change in changes:
        if change.action is Action.TRUNCATE:
            del content[change.at :]
            continue
        if len(content) < change.at:
            content.extend(bytes(change.at - len(content)))
        content[change.at : change.at + len(change.data)] = change.data


def _digest(files: Mapping[str, bytes]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for name, content in sorted(files.items()):
        digest.update(f"{name}:{len(content)}:".encode())
        digest.update(content)
    return digest.digest()
