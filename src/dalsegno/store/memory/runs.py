"""Runs: started, told, claimed, and handed on; and the sessions that own them."""

from __future__ import annotations

from msgspec.structs import replace

from dalsegno.core.commit import (
    Beat,
    Claim,
    Claimed,
    Done,
    EndSession,
    OpenSession,
    Refused,
    Release,
    Retry,
    Send,
    Sent,
    SentHow,
    Session,
    Start,
    Started,
)
from dalsegno.core.entries import Delivery
from dalsegno.core.runs import KILLS_ITS_WORKER, PARKED, Run, Status
from dalsegno.core.writes import Verdict
from dalsegno.store.memory.cases import CaseVerbs
from dalsegno.store.memory.tables import Rows
from dalsegno.store.rows import new_run
from dalsegno.store.verbs.runs import retry_of
from dalsegno.store.verbs.sessions import is_same_session


class RunVerbs(CaseVerbs):
    """What the items mean that are about runs and sessions."""

    def _start(self, item: Start) -> Verdict:
        number = self._ids.get((item.namespace, item.id))
        if number is not None:
            return Started(False, self._rows[number].run)
        if item.number in self._rows:
            return Refused.NUMBER_TAKEN
        now = self.now()
        run = new_run(item, now)
        self._rows[item.number] = Rows(run, item.queue)
        self._ids[item.namespace, item.id] = item.number
        self._follow_start(item)
        return Started(True, run)

    def _send(self, item: Send) -> Sent:
        number = item.run if item.run is not None else self._ids.get((item.namespace, item.run_id))
        rows = None if number is None else self._rows.get(number)
        if rows is None:
            return Sent(SentHow.UNKNOWN)
        run, now = rows.run, self.now()
        if item.id is not None and item.id in rows.known:
            return Sent(SentHow.REPEATED, run.number, run.status)
        if run.status.ended:
            return Sent(SentHow.ENDED, run.number, run.status)
        due: int | None = run.due_at if run.due_at is not None and run.due_at < now else now
        held = run.status is Status.PENDING and run.due_at is None  # until those before it have ended
        if held or ((run.reason or "").startswith(PARKED) and not item.release):
            due = run.due_at
        rows.run = replace(run, wakes=run.wakes + 1, due_at=due)
        rows.inbox[run.wakes + 1] = Delivery(
            number=run.wakes + 1,
            kind=item.kind,
            name=item.name,
            id=item.id,
            source=item.source,
            op=item.op,
            outcome=item.outcome,
            codec=item.codec,
            data=item.data,
            accepted_at=now,
        )
        if item.id is not None:
            rows.known.add(item.id)
        return Sent(SentHow.ACCEPTED, run.number, run.status)

    def _retry(self, item: Retry) -> Sent:
        number = self._ids.get((item.namespace, item.run_id))
        if number is None:
            return Sent(SentHow.UNKNOWN)
        rows = self._rows[number]
        if not rows.run.parked:
            return Sent(SentHow.NOT_PARKED, number, rows.run.status)
        letter = self._dead_letters.get(number)
        told = self._send(retry_of(item, rows.run))
        if told.how is not SentHow.ACCEPTED:
            return told
        rows.run = replace(rows.run, due_at=self.now(), crashes=0, changed_at=self.now())
        if rows.run.cause is not None and letter is not None and letter.state == "open":
            self._mark_dead_letter(number, state="redriving", changed_by=item.source, why=item.why)
        return Sent(SentHow.ACCEPTED, number, rows.run.status)

    def _claim(self, item: Claim) -> Claimed:
        owned = [rows.run for rows in self._owned(item.session)] if item.recall else []
        due = sorted(
            (rows for rows in self._rows.values() if self._claimable(rows, item)),
            key=lambda rows: (rows.run.due_at, rows.run.number),
        )
        calm = [rows for rows in due if rows.run.crashes < item.suspect_after][: item.limit]
        suspects = [rows for rows in due if rows.run.crashes >= item.suspect_after][: item.suspects]
        claimed = [self._take(rows, item.session) for rows in (*calm, *suspects)]
        news = {}
        for rows in self._rows.values():
            run = rows.run
            if run.session == item.session and run.due_at is not None:
                rows.run = replace(run, due_at=None)
                news[run.number] = run.wakes
        news |= {run.number: run.wakes for run in owned}
        claimed = sorted([*owned, *claimed], key=lambda run: run.number)
        return Claimed(tuple(claimed), tuple(news.items()), self.now())

    def _claimable(self, rows: Rows, item: Claim) -> bool:
        run = rows.run
        able = (run.workflow, run.version, item.session) in self._abilities
        due = run.due_at is not None and run.due_at <= self.now()
        return able and due and run.session is None and rows.queue == item.queue

    def _take(self, rows: Rows, session: int) -> Run:
        run, now = rows.run, self.now()
        rows.run = replace(
            run,
            session=session,
            turn=run.turn + 1,
            status=Status.RUNNING,
            due_at=None,
            changed_at=now,
            started_at=now if run.started_at is None else run.started_at,
            reason=None if (run.reason or "").startswith(PARKED) else run.reason,
        )
        return rows.run

    def _open_session(self, item: OpenSession) -> Verdict:
        if item.number in self._sessions:
            same = is_same_session(self._sessions[item.number], item)
            return Done(1) if same else Refused.NUMBER_TAKEN
        names = (
            "number",
            "pid",
            "pid_start",
            "pid_namespace",
            "boot_id",
            "host",
            "python",
            "program",
            "lease",
        )
        until = self.lease_now() + item.lease
        self._sessions[item.number] = Session(
            **{name: getattr(item, name) for name in names},
            lease_until=until,
            commits=0,
            loop_turn_at=self.lease_now(),
            opened_at=self.now(),
            fenced_at=None,
        )
        self._abilities |= {(workflow, version, item.number) for workflow, version in item.abilities}
        return Done(1)

    def _beat(self, item: Beat) -> Verdict:
        session = self._sessions.get(item.session)
        if session is None or session.fenced_at is not None:
            return Refused.FENCED
        until = self.lease_now() + item.lease
        self._sessions[item.session] = replace(session, lease_until=until, loop_turn_at=item.loop_turn_at)
        if item.attempts is not None:
            self._attempts[item.session] = item.attempts
        return Done(1)

    def _end_session(self, item: EndSession) -> Done:
        session = self._sessions.get(item.number)
        if session is None or session.fenced_at is not None:
            return Done(0)
        if item.expired_only and session.lease_until >= self.lease_now():
            return Done(0)
        self._sessions[item.number] = replace(session, fenced_at=self.now())
        self._attempts.pop(item.number, None)
        self._abilities = {ability for ability in self._abilities if ability[2] != item.number}
        if item.goodbye:
            for rows in self._owned(item.number):
                self._hand_on(rows, crashed=0, max_crashes=1)
            self._hand_on_partitions(item.number, crashed=0)
            self._released.add(item.number)
        return Done(1)

    def _release(self, item: Release) -> Done:
        left = item.limit
        for _, session in sorted(self._sessions.items()):
            if session.fenced_at is None or session.number in self._released:
                continue
            owned = self._owned(session.number)
            for rows in owned[:left]:
                self._hand_on(rows, crashed=1, max_crashes=item.max_crashes)
            if len(owned) < left:
                self._hand_on_partitions(session.number, crashed=1)
                self._released.add(session.number)
            left -= min(left, len(owned))
        return Done(item.limit - left)

    def _owned(self, session: int) -> list[Rows]:
        owned = (rows for rows in self._rows.values() if rows.run.session == session)
        return sorted(owned, key=lambda rows: rows.run.number)

    def _hand_on(self, rows: Rows, *, crashed: int, max_crashes: int) -> None:
        crashes = rows.run.crashes + crashed
        rows.run = replace(rows.run, session=None, crashes=crashes, due_at=self.now(), changed_at=self.now())
        if crashed and crashes > max_crashes:
            rows.run = replace(rows.run, due_at=None, status=Status.WAITING, reason=KILLS_ITS_WORKER)

    def _hand_on_partitions(self, session: int, *, crashed: int) -> None:
        for place, one in self._partitions.items():
            if one.session == session:
                innocent = one.suspect is not None or one.position >= self._head.last
                crashes = one.crashes if innocent else one.crashes + crashed
                self._partitions[place] = replace(one, session=None, crashes=crashes)

    def _mark_dead_letter(self, run: int, **fields: str) -> None:
        if run in self._dead_letters:
            self._dead_letters[run] = replace(self._dead_letters[run], changed_at=self.now(), **fields)
