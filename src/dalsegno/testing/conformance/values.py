"""Chapter eight: what is written reads back as it was, to the last bit."""

from __future__ import annotations

from dalsegno.core.commit import Rest, SentHow
from dalsegno.core.runs import Status
from dalsegno.testing.conformance.world import Case, World, a_commit, a_signal, a_step, expect

EVERY_BYTE = bytes(range(256))
PAYLOADS = (EVERY_BYTE, b"", b"\x00", b"\x00" * 1_000, b"null", b'{"a":"\\u0000"}', EVERY_BYTE * 8_192)
LARGEST = 2**63 - 1

IDS = (
    "order-1",
    "ORDER-1",
    " order-1 ",
    "Ärger",
    "A\u0308rger",  # the same to the eye
    "日本語",
    "🧾👩‍👩‍👧",
    "\u202eright to left",
    "עברית",
    "'; --",
    '"quoted"',
    "%_\\",
    "../../etc/passwd",
    "a%2Fb",
    "<script>alert(1)</script>",
    "health",
    "{}[]:?#&=",
    "NULL",
    "0",
    "-1",
    "1e5",
    "x" * 255,
    "é" * 255,
)


async def payloads_are_bytes(world: World) -> None:
    """Inputs, results, errors, notes, entries and deliveries keep any bytes; empty is not missing."""
    for n, payload in enumerate((*PAYLOADS, None)):
        run = await world.claimed(f"run-{n}", input=payload)
        expect(run.input, payload, "an input")
        await world.one(a_signal(run, data=payload))
        await world.one(a_commit(run, a_step(1, data=payload), reason="r", notes=payload))
        expect((await world.read(run)).notes, payload, "notes")
        expect((await world.store.journal(run.number))[0].data, payload, "an entry's data")
        expect((await world.store.inbox([run.number]))[run.number][0].data, payload, "a delivery's data")
        await world.one(a_commit(run, rest=Rest(Status.FAILED, 1, output=payload, error=payload)))
        ended = await world.read(run)
        expect((ended.output, ended.error), (payload, payload), "result and error")


async def digests_are_bytes(world: World) -> None:
    """Digests keep any bytes."""
    for n, digest in enumerate((b"", b"\x00" * 8, EVERY_BYTE)):
        run = await world.claimed(f"run-{n}", input_digest=digest)
        expect(run.input_digest, digest, "the digest of an input")
        await world.one(a_commit(run, a_step(1, digest=digest)))
        expect((await world.store.journal(run.number))[0].digest, digest, "the digest of an entry")


async def ids_are_kept_as_they_are(world: World) -> None:
    """Any text that may be an id is an id of its own: not folded, not normalized, not trimmed."""
    numbers = {}
    for text in IDS:
        numbers[text] = (await world.start(text, case_id=text)).number
    for text, number in numbers.items():
        found = await world.store.find("default", text)
        expect(
            found and (found.number, found.id, found.case_id), (number, text, text), f"the run {text[:30]!r}"
        )


async def names_are_kept_as_they_are(world: World) -> None:
    """Names of steps and signals, and whoever sent one, are kept as they are."""
    run = await world.claimed()
    for n, text in enumerate(IDS, 1):
        await world.one(a_signal(run, name=text, source=text, id=text))
        await world.one(a_commit(run, a_step(n, name=text, source=text)))
    inbox = (await world.store.inbox([run.number]))[run.number]
    expect([(d.name, d.source, d.id) for d in inbox], [(text, text, text) for text in IDS], "deliveries")
    entries = await world.store.journal(run.number)
    expect([(e.name, e.source) for e in entries], [(text, text) for text in IDS], "entries")


async def delivery_ids_are_compared_exactly(world: World) -> None:
    """Two delivery ids are the same only if each letter is."""
    run = await world.start()
    hows = [(await world.signal(run, text)).how for text in (*IDS, *IDS)]
    expect(hows, [SentHow.ACCEPTED] * len(IDS) + [SentHow.REPEATED] * len(IDS), "the verdicts")


async def numbers_have_63_bits(world: World) -> None:
    """Run numbers, operation numbers and times may be as large as 63 bits allow."""
    run = await world.claimed(number=LARGEST, parent=LARGEST - 1, parent_op=LARGEST, depth=LARGEST)
    expect(
        (run.number, run.parent, run.parent_op, run.depth), (LARGEST, LARGEST - 1, LARGEST, LARGEST), "run"
    )
    await world.one(a_commit(run, a_step(1, op=LARGEST, attempt=LARGEST, codec=LARGEST)))
    (entry,) = await world.store.journal(LARGEST)
    expect((entry.op, entry.attempt, entry.codec), (LARGEST, LARGEST, LARGEST), "the entry")
    await world.one(a_commit(run, rest=Rest(Status.WAITING, 0, due_at=LARGEST)))
    expect((await world.read(run)).due_at, LARGEST, "when it is due")


async def long_texts_are_kept(world: World) -> None:
    """Reasons and fingerprints of ten thousand characters are kept whole."""
    text = "é" * 10_000
    run = await world.claimed(fingerprint=text, traceparent=text)
    expect((run.fingerprint, run.traceparent), (text, text), "fingerprint and trace")
    await world.one(a_commit(run, reason=text))
    expect((await world.read(run)).reason, text, "the reason")


CASES = (
    Case(payloads_are_bytes),
    Case(digests_are_bytes),
    Case(ids_are_kept_as_they_are),
    Case(names_are_kept_as_they_are),
    Case(delivery_ids_are_compared_exactly),
    Case(numbers_have_63_bits),
    Case(long_texts_are_kept),
)
