"""One row for each figure, and how rows are shown: a table, JSON, and a part of a page."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import apsw
from calibration import calibrate


@dataclass
class Row:
    """A figure: a ``value`` in a ``unit``, and what it is next to something measured in the same moment.

    ``ratio`` is to ``of``. ``target`` is what is asked of the ratio, or of the value where there is no
    ratio: "≥ 0.15". ``calibration_ms`` says how fast the machine was.
    """

    measure: str
    who: str
    setting: str
    value: float
    unit: str
    ratio: float | None = None
    of: str = ""
    target: str = ""
    calibration_ms: float = 0.0
    lowest: float | None = None
    highest: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if not self.target:
            return None
        sign, _, bound = self.target.partition(" ")
        judged = self.value if self.ratio is None else self.ratio
        return judged <= float(bound) if sign == "≤" else judged >= float(bound)


class Calibrated:
    """``with Calibrated() as now:`` and then ``now.ms``: the loop's time before and after, the mean."""

    ms = 0.0

    def __enter__(self) -> Self:
        self._before = calibrate()
        return self

    def __exit__(self, *_: object) -> None:
        self.ms = (self._before + calibrate()) / 2


def spread(ratios: Sequence[float]) -> dict[str, Any]:
    """Return the fields of a row that several rounds give."""
    return {"ratio": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}


# -- showing


def number(value: float) -> str:
    """Write a number with three digits that tell something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _relation(row: Row) -> str:
    if row.ratio is None:
        return ""
    text = f"{number(row.ratio)} x" if row.ratio >= 0.5 or "÷ peer" in row.measure else f"{row.ratio:.1%}"
    return f"{text} {row.of}".replace("x of", "x")


def _spread(row: Row) -> str:
    if row.lowest is None or row.highest is None:
        return ""
    return f"{number(row.lowest)} … {number(row.highest)}"


def _verdict(row: Row) -> str:
    if row.met is None:
        return ""
    return f"{row.target} {'met' if row.met else 'MISSED'}"


HEADS = ("who", "setting", "figure", "ratio", "rounds", "target", "calibration")


def cells(row: Row) -> tuple[str, ...]:
    """Return what a table shows of a row, under ``HEADS``."""
    return (
        row.who,
        row.setting,
        f"{number(row.value)} {row.unit}",
        _relation(row),
        _spread(row),
        _verdict(row),
        f"{row.calibration_ms:.0f} ms",
    )


def table(rows: Iterable[Row]) -> str:
    """Write a table for a terminal, a block for each measure."""
    found = list(rows)
    widths = [max([len(head), *(len(cells(row)[n]) for row in found)]) for n, head in enumerate(HEADS)]
    lines = []
    for measure in dict.fromkeys(row.measure for row in found):
        shown = [HEADS, *(cells(row) for row in found if row.measure == measure)]
        lines += ["", measure, *("  ".join(map(str.ljust, cell, widths)).rstrip() for cell in shown)]
    return "\n".join(lines)


def markdown(rows: Iterable[Row], missing: dict[str, str]) -> str:
    """Write the same for a page, with where and when it was measured and what was not."""
    found = list(rows)
    on, day = machine(), dt.datetime.now(dt.UTC).date()
    lines = [
        f"Measured on {day}: {on['system']}, {on['cores']} cores, Python {on['python']}, SQLite {on['sqlite']}.",
        "",
        *(f"*Not measured*: {who}, because: {' '.join(why.split())}\n" for who, why in missing.items()),
    ]
    for measure in dict.fromkeys(row.measure for row in found):
        lines += [f"### {measure[:1].upper()}{measure[1:]}", ""]
        lines += ["| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
        lines += ["| " + " | ".join(cells(row)) + " |" for row in found if row.measure == measure]
        lines.append("")
    return "\n".join(lines)


BEGIN, END = "<!-- figures: written by bench/run.py -->", "<!-- end of figures -->"


def into_page(page: Path, text: str) -> None:
    """Put figures between the two marks of a page."""
    before, found, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not found or not end:
        raise ValueError(f"{page} has no place for figures: {BEGIN} … {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def machine() -> dict[str, Any]:
    """Tell on what the figures were taken."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "sqlite": apsw.sqlite_lib_version(),
    }


def as_json(rows: Iterable[Row], missing: dict[str, str]) -> str:
    """Write everything for another program."""
    listed = [dataclasses.asdict(row) | {"met": row.met} for row in rows]
    return json.dumps({"machine": machine(), "missing": missing, "rows": listed}, indent=1) + "\n"
