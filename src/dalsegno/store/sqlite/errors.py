"""What SQLite says, in our words; and which of its errors concern the whole store."""

from __future__ import annotations

import apsw

from dalsegno.errors import (
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnreachable,
)

_KEPT = "Nothing that was acknowledged is lost."


def translate(error: Exception, path: str, holder: int | None = None) -> StoreError | None:
    """Return the store-wide error that ``error`` is, or None when it concerns one statement alone."""
    text = str(error)
    match error:
        case apsw.BusyError() | apsw.LockedError():
            who = f"process {holder}" if holder else "another process"
            return StoreBusy(
                f"The store {path} was locked for writing by {who} for too long.",
                f"{_KEPT} Commits wait and are tried again.",
                f"If that process is frozen, end it or let it go on: `ps -p {holder or '<pid>'}`.",
                path=path,
                holder=holder,
            )
        case apsw.FullError():
            return StoreFull(
                f"No space is left for the store {path}: {text}.",
                f"{_KEPT} The last transaction was rolled back whole.",
                "Free space on that disk; workers go on by themselves.",
                path=path,
            )
        case apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.AuthError():
            return StoreReadOnly(
                f"The store {path} cannot be written: {text}.",
                "A worker needs to write the file and its folder (SQLite keeps -wal and -shm beside it).",
                "Make both writable for this user, or name another store.",
                path=path,
            )
        case apsw.CorruptError() | apsw.NotADBError() | apsw.FormatError():
            return damaged(path, text)
        case apsw.CantOpenError() | apsw.IOError() | apsw.NoMemError() | apsw.ProtocolError():
            return StoreUnreachable(
                f"The store {path} cannot be read or written: {text}.",
                _KEPT,
                "Look at the disk and the folder's permissions; workers go on once it works again.",
                path=path,
            )
    return None


def damaged(path: str, text: str) -> StoreDamaged:
    """Say that the file is no sound store of ours."""
    return StoreDamaged(
        f"The file {path} is damaged, or is no dalsegno store: {text}.",
        "It was left as it is; nothing was started from empty in its place.",
        f"Run `dalsegno db check --store sqlite:///{path}`; restore a backup, or name another store.",
        path=path,
    )
