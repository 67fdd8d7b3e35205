"""Text for a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

from dalsegno.insight.paint import Style, between, brief, columns, pad, printable, width

NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


def test_what_could_steer_the_terminal_is_shown_as_an_escape() -> None:
    assert printable("a\x1b[2Jb\r\nc") == "a\\x1b[2Jb\\r\\nc"
    assert printable("left\u202eright") == "left\\u202eright"
    assert printable("Größe ✓ 注文") == "Größe ✓ 注文"


def test_of_a_long_text_the_beginning_of_its_first_line_is_shown() -> None:
    assert brief("one\ntwo") == "one…"
    assert brief("x" * 200, 10) == "xxxxxxxxxx…"
    assert brief(" fine ") == "fine"


def test_columns_stand_under_each_other_whatever_the_script() -> None:
    rows = columns([["ab", "x", "1"], ["注文", "xyz", "22"]])
    assert rows == [["ab  ", "x  ", "1"], ["注文", "xyz", "22"]]
    assert width("注文e\u0301") == 5
    assert pad("注", 4) == "注  "
    assert columns([]) == []


def test_colour_is_added_only_where_it_is_welcome() -> None:
    assert Style().paint("ok", "green") == "ok"
    assert Style(colour=True).paint("ok", "green") == "\x1b[32mok\x1b[0m"
    assert Style(colour=True).paint("ok", "") == "ok"


def test_symbols_have_stand_ins_where_only_ascii_can_be_shown() -> None:
    assert [Style(symbols=False).symbol(symbol) for symbol in "✓✗·…"] == ["+", "x", "-", "..."]


def test_a_moment_of_today_is_shown_by_its_time_alone() -> None:
    utc = Style(zone=UTC)
    assert utc.clock(NOW, NOW) == "08:00:00"
    assert utc.clock(NOW.replace(day=14), NOW) == "2027-01-14 08:00:00"


def test_no_length_of_time_is_negative() -> None:
    assert between(NOW, NOW.replace(minute=12, second=8)) == "12m08s"
    assert between(NOW.replace(minute=1), NOW) == "0s"
