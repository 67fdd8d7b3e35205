from __future__ import annotations

import enum
import os
import random
import subprocess
import sys
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalsegno.core.clock import SECOND
from dalsegno.core.ids import MAX_ID, Numbers, check_id, new_id, new_token, seeded
from dalsegno.errors import InvalidId

NOON = 1_780_000_000 * SECOND


class Moving:
    """A wall clock that a test moves."""

    def __init__(self, at=NOON):
        self.at = at

    def __call__(self):
        return self.at


def numbers_at(at=NOON, seed=0):
    return Numbers(Moving(at), random.Random(seed))


@given(st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(1, 5000)), max_size=30))
def test_numbers_increase_however_the_clock_jumps(moves):
    clock = Moving()
    numbers, last = Numbers(clock, random.Random(1)), -1
    for move, count in moves:
        clock.at += move
        taken = numbers.take(count)
        assert len(taken) == count
        assert last < taken.start
        last = taken[-1]


@given(st.integers(-(2**63), 2**62))
def test_a_number_fits_a_signed_64_bit_column_at_any_time(at):
    assert 0 <= numbers_at(at).take()[0] < 2**63


def test_a_later_block_has_greater_numbers_in_any_process():
    early, late = numbers_at(seed=1), numbers_at(NOON + SECOND, seed=2)
    assert early.take(1000)[-1] < late.take()[0]


def test_a_block_lasts_a_second_and_is_left_when_the_store_refuses_it():
    clock = Moving()
    numbers = Numbers(clock, random.Random(1))
    first = numbers.take()[0]
    clock.at += SECOND - 1
    assert numbers.take()[0] == first + 1
    clock.at += 1
    next_block = numbers.take()[0]
    assert next_block > first + 2**20
    numbers.renew()
    assert numbers.take()[0] != next_block + 1


def test_the_same_clock_and_seed_give_the_same_numbers():
    assert numbers_at(seed=3).take(5) == numbers_at(seed=3).take(5) != numbers_at(seed=4).take(5)


def test_threads_never_get_the_same_number():
    numbers, taken = Numbers(), []
    threads = [Thread(target=lambda: taken.extend(numbers.take()[0] for _ in range(500))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(taken)) == 4000


def test_a_forked_child_begins_a_block_of_its_own(monkeypatch):
    numbers = Numbers(Moving(), random.SystemRandom())
    first = numbers.take()[0]
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert numbers.take()[0] != first + 1


def test_generated_ids_sort_by_time_and_are_ids():
    rng = random.Random(1)
    ids = [new_id(Moving(NOON + 1000 * i), rng) for i in range(100)]
    assert ids == sorted(ids)
    assert all(len(check_id(each)) == 26 for each in ids)


def test_generated_names_differ_unless_their_chance_is_the_same():
    assert new_id() != new_id()
    assert new_token() != new_token()
    assert new_token(random.Random(5)) == new_token(random.Random(5))
    assert len(new_token()) == 32


@pytest.mark.parametrize(
    "value",
    [
        "order-123",
        "x" * MAX_ID,
        "../etc",
        "%2F",
        "<script>",
        "'; --",
        '"',
        "🛒",
        "\u05d0\u202e",
        "health",
        " a ",
        "a\u2028b",
    ],
)
def test_anything_that_people_write_is_an_id_and_stays_as_it_is(value):
    assert check_id(value) == value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "is blank"),
        (" \u00a0", "is blank"),
        ("\n", "is blank"),
        ("x" * 10_000, "has 10,000 characters"),
        ("a\nb", r"control character U\+000A at position 1"),
        ("a\x00", r"control character U\+0000"),
        ("a\x7f", r"control character U\+007F"),
        ("\x85a", r"control character U\+0085"),
        ("a\ud800", r"lone surrogate U\+D800"),
        (None, "is of type NoneType, not text"),
        (123, "is of type int, not text"),
        (b"a", "is of type bytes, not text"),
    ],
)
def test_what_cannot_be_an_id_is_refused_with_the_reason(value, why):
    with pytest.raises(InvalidId, match=why) as caught:
        check_id(value, "signal id")
    assert str(caught.value).startswith("The signal id ")
    assert len(str(caught.value)) < 400
    str(caught.value).encode()  # can be printed


@given(st.text())
def test_checking_an_id_answers_or_refuses_and_does_nothing_else(value):
    try:
        assert check_id(value) == value
    except InvalidId:
        assert value.isspace() or not 0 < len(value) <= MAX_ID or not value.isprintable()


def test_an_enum_of_text_becomes_plain_text():
    class Fruit(enum.StrEnum):
        PEAR = "pear"

    assert type(check_id(Fruit.PEAR)) is str


def test_a_seed_is_made_of_its_parts_and_their_borders():
    assert seeded("a", 1).random() == seeded("a", 1).random()
    seeds = [("a", 1), ("a", "1"), ("a1",), ("a", b"1"), (1, "a"), ("", "a1"), ("a1", ""), ()]
    assert len({seeded(*parts).random() for parts in seeds}) == len(seeds)


def test_a_seed_means_the_same_in_every_process():
    code = "from dalsegno.core.ids import seeded; print(seeded('run', 7, b'x').getrandbits(64))"
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "src"},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert answers == {f"{seeded('run', 7, b'x').getrandbits(64)}\n"}
