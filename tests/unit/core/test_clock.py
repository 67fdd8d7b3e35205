from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalsegno.core.clock import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    WEEK,
    Clock,
    SystemClock,
    from_datetime,
    to_datetime,
)
from dalsegno.errors import InvalidInput


def test_the_units_build_on_each_other():
    assert (SECOND, MINUTE, HOUR, DAY, WEEK) == (
        10**6,
        60 * 10**6,
        3600 * 10**6,
        86400 * 10**6,
        604800 * 10**6,
    )


def test_the_system_clock_is_a_clock_in_microseconds():
    clock: Clock = SystemClock()
    assert abs(to_datetime(clock.now()) - datetime.now(UTC)) < timedelta(minutes=1)
    assert isinstance(clock.boot(), int)
    assert isinstance(clock.monotonic(), float)


def test_the_boot_and_monotonic_clocks_never_go_back():
    clock = SystemClock()
    boots = [clock.boot() for _ in range(100)]
    ticks = [clock.monotonic() for _ in range(100)]
    assert boots == sorted(boots)
    assert ticks == sorted(ticks)


def test_a_boot_has_one_name_for_every_clock():
    assert SystemClock().boot_id() == SystemClock().boot_id() != ""


def test_a_boot_has_a_name_where_linux_is_not(monkeypatch, tmp_path):
    monkeypatch.setattr("dalsegno.core.clock._BOOT_ID", tmp_path / "missing")
    assert SystemClock().boot_id().rpartition("-")[2].lstrip("-").isdigit()


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_survives_the_way_to_the_face_and_back(moment):
    assert to_datetime(from_datetime(moment)) == moment


@given(st.integers(-62_135_596_800 * SECOND, 253_402_300_799 * SECOND))
def test_every_microsecond_has_a_datetime_of_its_own(at):
    assert from_datetime(to_datetime(at)) == at


def test_zones_are_ways_to_write_one_moment():
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert from_datetime(noon.astimezone(ZoneInfo("Europe/Berlin"))) == from_datetime(noon)
    assert from_datetime(noon.astimezone(timezone(timedelta(hours=-5)))) == from_datetime(noon)


def test_a_naive_datetime_is_refused_with_what_to_write():
    with pytest.raises(InvalidInput, match=r"has no time zone(.|\n)*tzinfo=UTC"):
        from_datetime(datetime(2026, 7, 1, 12))  # noqa: DTZ001
