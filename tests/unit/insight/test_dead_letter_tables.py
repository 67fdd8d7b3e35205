"""How a dead letter is shown in full."""

from __future__ import annotations

from datetime import UTC, datetime

from dalsegno.client.dead_letters import DeadLetterInfo, DeadLetterStory
from dalsegno.insight.dead_letter_tables import render_dead_letter
from dalsegno.insight.paint import Style

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def shown(traceback: str, *, full: bool = False) -> list[str]:
    letter = DeadLetterInfo(
        1,
        7,
        "ledger",
        "book",
        "a",
        "KeyError in h",
        "KeyError: 'x'",
        3,
        1,
        "discarded",
        NOW,
        NOW,
        "",
        "",
        "run",
    )
    story = DeadLetterStory(letter, None, None, traceback, (), (), 0)
    text = render_dead_letter(story, NOW, Style(), full=full)
    return [line.removeprefix("    ") for line in text.splitlines() if line.startswith("    ")]


def frames(number: int, lines: int = 3) -> str:
    marks = ["    run(x)", "    ^^^^^^", "    more"][: lines - 1]
    return "\n".join("\n".join([f'  File "book.py", line {at}, in f{at}', *marks]) for at in range(number))


HEAD = "Traceback (most recent call last):"


def test_a_traceback_is_cut_between_two_frames() -> None:
    lines = shown(f"{HEAD}\n{frames(6)}\nKeyError: 'x'\n")
    assert lines == ["… 13 lines before; --full shows them", *frames(6).splitlines()[12:], "KeyError: 'x'"]
    assert lines[1] == '  File "book.py", line 4, in f4'


def test_a_short_traceback_is_shown_whole_and_a_long_one_if_asked() -> None:
    assert shown(f"{HEAD}\n{frames(2)}\nKeyError: 'x'") == [*frames(2).splitlines(), "KeyError: 'x'"]
    whole = f"{HEAD}\n{frames(9)}\nKeyError: 'x'"
    assert shown(whole, full=True) == whole.splitlines()


def test_the_last_frame_is_shown_however_long_the_error_is() -> None:
    lines = shown(f"{HEAD}\n{frames(3)}\nError: " + "\n".join(map(str, range(100))))
    assert lines[0] == "… 7 lines before; --full shows them"
    assert lines[1] == '  File "book.py", line 2, in f2'
    assert lines[4] == "Error: 0"
    assert lines[-1] == "… 63 lines more"


def test_what_has_no_frames_is_shown_from_its_beginning() -> None:
    assert shown("KeyError: 'x'") == ["KeyError: 'x'"]
    assert shown("") == []
