"""``where`` and ``explain``: whatever is asked for, be it a run, a case, a key or an event, found and told."""

from __future__ import annotations

from dalsegno.client.case_standing import CaseStanding
from dalsegno.client.standing import Because
from dalsegno.client.whereabouts import Explanation, Where
from dalsegno.core.clock import to_datetime
from dalsegno.core.event import Event
from dalsegno.errors import InvalidInput, RunNotFound
from dalsegno.insight.binding import in_order
from dalsegno.insight.case_where import Scene
from dalsegno.insight.meant import Meant, meant
from dalsegno.insight.owed import Ledger
from dalsegno.insight.usual import Usual, with_usual
from dalsegno.insight.workers import Gone, nobody_gone
from dalsegno.store.protocol import Store


async def where(
    store: Store,
    namespace: str,
    id: str,
    *,
    gone: Gone = nobody_gone,
    trail: int = 60,
    then: int | None = None,
    usual: Usual | None = None,
) -> Where:
    """Tell where a run or a case stands.

    ``id`` is a run's id, a case's name, a key of a case, an event (its number, or ``source#id``), or how one run's
    id begins; ``RunNotFound`` lists the candidates where it means several. Of a long trail the last ``trail``
    lines are kept. ``gone`` lets whoever is on the workers' machine say that a process has ended before
    its lease has. ``then`` asks for a case as it was at a time in the past. ``usual`` keeps what past
    cases tell of how long things take, for one who asks again and again.
    """
    found = await meant(store, namespace, id)
    scene = await Scene.open(store, namespace, gone=gone, lines=trail, then=then)
    at = to_datetime(scene.now)
    if then is not None:
        _check_past(store, id, found, then)
    if found.runs:
        runs = tuple([await scene.look.standing(run) for run in found.runs])
        return Where(id, found.found_by, at, runs, None, found.others)
    case = await with_usual(usual or Usual(store, namespace), await _case(scene, found))
    return Where(id, found.found_by, at, (), case, found.others)


def _check_past(store: Store, id: str, found: Meant, then: int) -> None:
    """Refuse what is not known of the past: a run by itself, and a time that has not come."""
    moment = to_datetime(then).isoformat(timespec="seconds")
    if then > store.now():
        raise InvalidInput(
            f"{moment} has not come yet.", "Only the past can be looked back at.", "Give an earlier time."
        )
    if found.runs:
        raise InvalidInput(
            f"{id} is a run, and only a case can be looked back at.",
            "A run's journal has the time of each entry.",
            f"`dalsegno runs show {id}` shows it.",
        )
    began = found.case.started_at if found.case is not None else then
    if began > then:
        raise RunNotFound(
            f"{id} had not begun at {moment}.",
            f"It began at {to_datetime(began).isoformat(timespec='seconds')}.",
            "Give a later time.",
            run_id=id,
            store=store.address,
        )


async def _case(scene: Scene, found: Meant) -> CaseStanding:
    if found.case is not None:
        return await scene.case(found.case)
    if found.case_id is not None:
        return await scene.named((found.case_id,), None)
    assert found.event is not None
    return await scene.event(found.event)


async def explain(store: Store, namespace: str, id: str, *, gone: Gone = nobody_gone) -> Explanation:
    """Tell why a case, a run or an event does not move: all reasons, the one that binds first.

    Arguments as for ``where``. An event is what is asked for where it is named by its number.
    """
    found = await meant(store, namespace, id)
    scene = await Scene.open(store, namespace, gone=gone, lines=1)
    at = to_datetime(store.now())
    if found.event is not None:
        return Explanation(id, "event", str(found.event.number), at, await _of_event(scene, found.event))
    if found.runs:
        stands = [await scene.look.standing(run) for run in found.runs]
        reasons = in_order(*(run.reasons for run in stands if run.ended_at is None))
        name, what = (found.case_id, "case") if found.case_id else (stands[0].id, "run")
        return Explanation(id, what, name, at, reasons if len(stands) > 1 else stands[0].reasons)
    case = await _case(scene, found)
    return Explanation(id, "case", case.id, at, case.reasons)


async def _of_event(scene: Scene, event: Event) -> tuple[Because, ...]:
    ledger = Ledger(scene.store, scene.look, await scene.look.roster(scene.namespace))
    owed = await ledger.owed(event, await scene.store.reactions(event.number))
    return in_order(*(one.reasons for one in owed))
