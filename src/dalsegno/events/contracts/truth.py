"""What handlers declare is what their code does."""

from __future__ import annotations

from collections.abc import Iterator

from dalsegno.events.contracts.flow import Flow, named
from dalsegno.events.contracts.reading import Reading
from dalsegno.events.contracts.report import Finding, Rule
from dalsegno.events.handlers import Handler


def untrue(flow: Flow) -> Iterator[Finding]:
    """Find events that code gives and does not declare, and those that it declares and never gives."""
    for handler, reading in flow.readings.items():
        yield from _undeclared(handler, reading)
        yield from _never_given(handler, reading)


def _undeclared(handler: Handler, reading: Reading) -> Iterator[Finding]:
    for made in sorted(reading.returned, key=lambda made: made.place):
        if made.kind not in handler.follows.types:
            yield Finding(
                Rule.UNDECLARED,
                f"{named(handler)} returns {made.kind.title}, and declares -> {handler.follows}.",
                made.place,
                "The reaction fails with UndeclaredEvent, and becomes a dead letter.",
                "Add it to the return annotation, or return what that says.",
                (handler.place,),
            )
    emits = handler.contract.emits
    if reading.emits_at and not emits:
        kinds = ", ".join(sorted({made.kind.name for made in reading.emitted})) or "an event"
        yield Finding(
            Rule.UNDECLARED,
            f"{named(handler)} emits {kinds} from its body, and has no emits=.",
            reading.emits_at[0],
            "The return annotation declares what is returned; what emit() writes nobody can foresee.",
            f"Write on(emits={kinds if reading.emitted else '…'}), or return it.",
            (handler.place, *reading.emits_at[1:]),
        )
        return
    for made in sorted(reading.emitted, key=lambda made: made.place):
        if made.kind not in emits:
            yield Finding(
                Rule.UNDECLARED,
                f"{named(handler)} emits {made.kind.title} from its body, which emits= does not name.",
                made.place,
                "Nobody can foresee it.",
                f"Add it to emits= of {handler.title}.",
                (handler.place,),
            )


def _never_given(handler: Handler, reading: Reading) -> Iterator[Finding]:
    """Find what is declared and surely never made; where the reading was in doubt, nothing is said."""
    if not reading.read:
        return
    lacking = [] if reading.open_return else [k for k in handler.follows.types if k not in reading.may_return]
    if not reading.open_emit:
        lacking += [kind for kind in handler.contract.emits if kind not in reading.may_emit]
    for kind in lacking:
        says = "emits=" if kind in handler.contract.emits else f"-> {handler.follows}"
        yield Finding(
            Rule.NEVER_GIVEN,
            f"{named(handler)} declares {kind.title} ({says}), and nothing in its code makes one.",
            handler.place,
            "Who waits for it waits in vain.",
            "Make it where it is due, or leave it out of the declaration.",
            (kind.place,),
        )
