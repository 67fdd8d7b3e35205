from __future__ import annotations

import contextlib
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalsegno.core.clock import DAY, HOUR, MINUTE, SECOND, WEEK
from dalsegno.core.durations import MAX, microseconds, text
from dalsegno.errors import InvalidDuration


@pytest.mark.parametrize(
    ("given_as", "expected"),
    [
        ("30s", 30 * SECOND),
        ("5m", 5 * MINUTE),
        ("2d", 2 * DAY),
        ("1w", WEEK),
        ("1h30m", 90 * MINUTE),
        ("1h 30m", 90 * MINUTE),
        (" 12m08s ", 12 * MINUTE + 8 * SECOND),
        ("1.5h", 90 * MINUTE),
        ("250ms", 250_000),
        ("7us", 7),
        ("0s", 0),
        (0, 0),
        (-0.0, 0),
        (90, 90 * SECOND),
        (1.1, 1_100_000),
        (timedelta(minutes=2, microseconds=1), 2 * MINUTE + 1),
        (365_250 * 86_400, MAX),
    ],
)
def test_a_duration_is_read_in_every_form(given_as, expected):
    assert microseconds(given_as) == expected


@pytest.mark.parametrize(
    ("given_as", "why"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("30", "has a number without a unit"),
        ("1h30", "has a number without a unit"),
        ("5min", "cannot be read from '5min' on"),
        ("5M", "cannot be read from '5M' on"),
        ("soon", "cannot be read"),
        ("1h1h", "names the unit 'h' twice"),
        ("-5m", "is negative"),
        (-1, "is negative"),
        (-1.5, "is negative"),
        (timedelta(microseconds=-1), "is negative"),
        (math.nan, "is no finite number"),
        (math.inf, "is no finite number"),
        (True, "is a bool"),
        (10**12, "is longer than 1,000 years"),
        pytest.param(10**5000, "is longer than 1,000 years", id="more digits than Python prints"),
        (1e300, "is longer than 1,000 years"),
        ("99999999w", "is longer than 1,000 years"),
        (timedelta.max, "is longer than 1,000 years"),
        (datetime(2026, 1, 1), "is a moment"),  # noqa: DTZ001
        (datetime(2026, 1, 1, tzinfo=UTC), "is a moment"),
        (date(2026, 1, 1), "is a moment"),
        (None, "is of type NoneType"),
        (Decimal(3), "is of type Decimal"),
        (b"3s", "is of type bytes"),
    ],
)
def test_what_is_no_duration_is_refused_with_the_reason(given_as, why):
    with pytest.raises(InvalidDuration, match=why) as caught:
        microseconds(given_as, what="timeout")
    assert caught.value.what.startswith("The timeout ")
    assert '"1h30m"' in str(caught.value)
    assert caught.value.value is given_as


@pytest.mark.promise("P7")
def test_what_lies_between_two_microseconds_is_rounded_up_so_that_nothing_fires_early():
    assert microseconds(1e-9) == 1
    assert microseconds("0.0000001s") == 1
    assert microseconds("1.0000001s") == SECOND + 1


def test_the_longest_duration_from_now_is_still_a_date():
    assert datetime(2999, 1, 1, tzinfo=UTC) + timedelta(microseconds=MAX) < datetime.max.replace(tzinfo=UTC)


@given(st.text(max_size=40) | st.floats() | st.integers() | st.timedeltas() | st.booleans() | st.none())
def test_whatever_is_given_the_answer_is_in_bounds_or_a_named_error(value):
    with contextlib.suppress(InvalidDuration):
        assert 0 <= microseconds(value) <= MAX


@pytest.mark.promise("P7")
@given(st.floats(min_value=0, max_value=1e9))
def test_a_float_never_becomes_shorter_than_it_reads(seconds):
    assert microseconds(seconds) >= seconds * SECOND - 1e-6 * seconds


@pytest.mark.parametrize(
    ("us", "shown"),
    [
        (0, "0s"),
        (900, "900us"),
        (41_999, "41ms"),
        (250_000, "250ms"),
        (1_500_000, "1.5s"),
        (9 * SECOND, "9s"),
        (45 * SECOND + 700_000, "45s"),
        (12 * MINUTE + 8 * SECOND, "12m08s"),
        (5 * MINUTE, "5m"),
        (90 * MINUTE, "1h 30m"),
        (2 * HOUR, "2h"),
        (2 * DAY + 4 * HOUR, "2d 4h"),
        (-90 * MINUTE, "-1h 30m"),
    ],
)
def test_a_duration_is_shown_shortly(us, shown):
    assert text(us) == shown


@given(st.integers(0, MAX))
def test_what_is_shown_can_be_written_and_shows_the_same_again(us):
    read_back = microseconds(text(us))
    assert read_back <= us
    assert text(read_back) == text(us)
