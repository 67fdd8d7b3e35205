"""What is stored of the schemas of events, as rows: what they mean is known further up."""

from __future__ import annotations

import msgspec


class SchemaRow(msgspec.Struct, frozen=True):
    """One version of an event type, as the store has it; it never changes.

    ``schema`` is JSON text, ``fingerprint`` tells whether another one says the same, ``mode`` is how the
    next version is to be held to it, ``sealed`` that it was made from a class.
    """

    type: str
    version: int
    format: str
    schema: str
    fingerprint: str
    mode: str
    sealed: bool = False
    registered_at: int = 0


class RegisterSchemas(msgspec.Struct, frozen=True):
    """Keep new versions of event types, if nobody has kept any since they were judged. All of them, or none.

    ``seen`` is by type how many versions there were to judge by; each type of ``schemas`` is in it. What
    is stored of a version is never replaced. The verdict is ``SchemasKnown``.
    """

    namespace: str
    schemas: tuple[SchemaRow, ...]
    seen: tuple[tuple[str, int], ...]


class SchemasKnown(msgspec.Struct, frozen=True):
    """All versions there are now of the types in question; not ``registered`` if others had come meanwhile."""

    registered: bool
    rows: tuple[SchemaRow, ...]
