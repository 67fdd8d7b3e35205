"""One SQLite file: the store of a laptop, a service, or several workers on one machine."""

from dalsegno.store.sqlite.look import SqliteLook
from dalsegno.store.sqlite.store import SqliteStore

__all__ = ["SqliteLook", "SqliteStore"]
