"""Which run people mean: by its id, or by how its id begins."""

from __future__ import annotations

from dalsegno.core.runs import Run
from dalsegno.errors import RunNotFound
from dalsegno.store.protocol import RunQuery, Store

_CANDIDATES = 10


async def find_run(store: Store, namespace: str, asked: str) -> Run:
    """Return the run of an id, or the only one whose id begins so; raise ``RunNotFound``, with candidates."""
    run = await store.find(namespace, asked) or await by_prefix(store, namespace, asked)
    if run is None:
        raise not_found(store, namespace, asked)
    return run


async def by_prefix(store: Store, namespace: str, asked: str) -> Run | None:
    """Return the only run whose id begins so; raise ``RunNotFound`` where several do."""
    if not asked:
        return None
    found = await store.runs(RunQuery(namespace=namespace, id_prefix=asked, limit=_CANDIDATES + 1))
    if len(found) < 2:
        return found[0] if found else None
    names = ", ".join(run.id for run in found[:_CANDIDATES])
    more = ", …" if len(found) > _CANDIDATES else ""
    raise RunNotFound(
        f"{asked!r} is how the ids of several runs begin: {names}{more}.",
        "The beginning of an id is enough only where it belongs to one run.",
        "Write more of it.",
        run_id=asked,
        candidates=tuple(run.id for run in found[:_CANDIDATES]),
        store=store.address,
    )


def not_found(store: Store, namespace: str, asked: str) -> RunNotFound:
    """Say that nothing is called so."""
    within = "" if namespace == "default" else f" (namespace {namespace})"
    return RunNotFound(
        f"No run and no case is called {asked!r} in {store.address}{within}: no case has it as a key, "
        "no event as its number, and no run's id begins so.",
        "It was never started there, or this is another store than the one it is in.",
        "`dalsegno cases list` and `dalsegno runs list` show what there is; look at the id and the store.",
        run_id=asked,
        store=store.address,
    )
