"""The only source of ids and of randomness.

Three kinds of name leave this module: *numbers*, by which the store keys its rows; *ids*, by which
people know their runs; *tokens*, which nobody can guess. Time and randomness are arguments
everywhere, so a simulation that hands in its own gets the same names each time.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from hashlib import blake2b
from threading import Lock

from dalsegno.core.clock import MILLISECOND, SECOND, SystemClock
from dalsegno.errors import InvalidId

MAX_ID = 255
"""The longest id, in characters."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing that is misread
_EPOCH_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z
_LOW_BITS = 20
_MAX_MS = 2**43 - 1  # until the year 2302 a number fits the 63 bits of a signed column
_BLOCK_LASTS = 1 * SECOND
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_now = SystemClock().now
_chance = random.SystemRandom()


class Numbers:
    """Hands out run numbers: 63 bits, strictly increasing here, practically unique everywhere.

    A *block* begins at ``milliseconds since 2024 << 20 | 20 random bits`` and is counted upwards
    for a second; then the next one begins. So numbers follow time to the second, and rows that are
    written together lie together. Nobody coordinates blocks: two processes meet only if one begins
    a block inside the other's, and a second has 2^30 places. With 1,000 runs a second each, that
    happens to two processes once in about 6 days, with 10 runs a second once in a year or two. The
    store's primary key refuses the number then; call ``renew`` and take another.

    Any thread may call it, and a forked child begins a block of its own.
    """

    __slots__ = ("_ends_at", "_lock", "_next", "_now", "_owner", "_rng")

    def __init__(self, now: Callable[[], int] = _now, rng: random.Random = _chance) -> None:
        self._now = now
        self._rng = rng
        self._lock = Lock()
        self._next = 0
        self._ends_at = 0
        self._owner = 0

    def take(self, count: int = 1) -> range:
        """Take ``count`` numbers in a row, each greater than all that were taken before."""
        with self._lock:
            at = self._now()
            # A wall clock that was set back must not keep one block alive for an hour.
            if not self._ends_at - _BLOCK_LASTS <= at < self._ends_at or self._owner != os.getpid():
                self._begin(at)
            first = self._next
            self._next += count
            return range(first, first + count)

    def renew(self) -> None:
        """Leave the current block: the store has just refused a number from it."""
        with self._lock:
            self._begin(self._now())

    def _begin(self, at: int) -> None:
        milliseconds = min(max(at // MILLISECOND - _EPOCH_MS, 0), _MAX_MS)
        # A clock that stood still or was set back: leap on from the last number instead, by chance
        # as well, or a forked child would go on exactly where its parent does.
        base = max(milliseconds << _LOW_BITS, self._next)
        self._next = base + self._rng.getrandbits(_LOW_BITS)
        self._ends_at = at + _BLOCK_LASTS
        self._owner = os.getpid()


def new_id(now: Callable[[], int] = _now, rng: random.Random = _chance) -> str:
    """Make an id for a run whose caller gave none: 26 letters and digits that sort by time.

    48 bits of milliseconds, then 80 random bits: nobody else makes the same one.
    """
    return _letters((now() // MILLISECOND) << 80 | rng.getrandbits(80), 26)


def new_token(rng: random.Random = _chance) -> str:
    """Make a name that cannot be guessed: 160 random bits in 32 letters and digits."""
    return _letters(rng.getrandbits(160), 32)


def check_id(value: object, what: str = "run id") -> str:
    """Return ``value`` if it can serve as an id, else raise InvalidId.

    An id is text of 1 to 255 characters, not all blank, without control characters (line breaks and
    NUL are some) or lone surrogates. All else, from emoji to ``../``, is kept exactly as it is: it
    is escaped where it is shown, and never normalized.
    """
    if not isinstance(value, str):
        raise _refusal(value, what, f"is of type {type(value).__qualname__}, not text")
    if not value or value.isspace():
        raise _refusal(value, what, "is blank")
    if len(value) > MAX_ID:
        raise _refusal(value, what, f"has {len(value):,} characters")
    if unfit := _UNFIT.search(value):
        kind = "a lone surrogate" if unfit[0] >= "\ud800" else "the control character"
        where = f"U+{ord(unfit[0]):04X} at position {unfit.start()}"
        raise _refusal(value, what, f"holds {kind} {where}")
    return str.__str__(value)  # an enum's member becomes the text that it is


def seeded(*parts: str | int | bytes) -> random.Random:
    """Make the random generator that these parts always make, in every process.

    ``random()`` and ``getrandbits()`` of it give the same numbers on every version of Python; what
    is built on them (``shuffle``, ``choice``) may differ between minor versions.
    """
    seed = blake2b(digest_size=16)
    for part in parts:
        kind = "b" if isinstance(part, bytes) else "s" if isinstance(part, str) else "i"
        data = part if isinstance(part, bytes) else f"{part}".encode("utf-8", "surrogatepass")
        # Kind and length go in too, so that no two lists of parts run together.
        seed.update(f"{kind}{len(data)}:".encode())
        seed.update(data)
    return random.Random(int.from_bytes(seed.digest(), "big"))


@contextmanager
def steadied(rng: random.Random) -> Generator[None]:
    """Have the module ``random`` itself give what ``rng`` says, for as long as a simulation lasts."""
    before = random.getstate()
    random.seed(rng.getrandbits(64))
    try:
        yield
    finally:
        random.setstate(before)


def _letters(number: int, length: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (length - 1), -1, -5))


def _refusal(value: object, what: str, why: str) -> InvalidId:
    shown = f" {value[:64]!r}{'…' if len(value) > 64 else ''}" if isinstance(value, str) else ""
    return InvalidId(
        f"The {what}{shown} {why}.",
        f"It must be text of 1 to {MAX_ID} characters, without control characters.",
        'Use something that people know it by, such as "order-123".',
        value=value,
    )
