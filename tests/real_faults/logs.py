"""Published logs, read as they are."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

Row = dict[str, str]


def read_rows(shared: Path, name: str) -> list[Row]:
    with gzip.open(shared / "data" / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_truth(shared: Path, name: str) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((shared / "data" / "ground_truth_stats.json").read_text())["logs"][
        name
    ]
    return truth
