"""Counts the ledgers of `dalsegno demo --choreography` again, from the files that its services wrote alone.

    python tools/recount_ledgers.py [--json] folder [another ...]

It imports nothing of dalsegno and shares no code with the demo's own count, so that neither can repeat
the other's mistake: here SQL does the counting, over all files at once. It ends with 0 if, in every
folder, no order was lost, nothing was done twice, nothing unpaid was shipped and nothing was left
standing that should have been undone.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

SERVICES = ("orders", "payment", "inventory", "shipping", "notification")
MUST_BE_NONE = (
    *("charged_twice", "done_twice", "lost", "unpaid_shipped", "incomplete", "not_undone", "never_placed"),
)

FATES = """
CREATE TEMP VIEW did AS SELECT order_id, action, at FROM deeds WHERE answer = 'done';
CREATE TEMP VIEW fate AS
SELECT p.order_id,
       SUM(d.action = 'complete') AS completed, SUM(d.action = 'reject') AS rejected,
       SUM((d.action = 'charge') - (d.action = 'refund')) AS paid,
       SUM((d.action = 'reserve') - (d.action = 'release')) AS reserved,
       SUM(d.action = 'ship') AS shipped, SUM(d.action = 'confirm') AS confirmed
  FROM (SELECT DISTINCT order_id FROM placed) p LEFT JOIN did d USING (order_id) GROUP BY p.order_id;
CREATE TEMP VIEW twice AS SELECT order_id, action FROM did GROUP BY order_id, action HAVING COUNT(*) > 1;
"""

FIGURES = {
    "orders": "SELECT COUNT(DISTINCT order_id) FROM placed",
    "sent_again": "SELECT COUNT(*) - COUNT(DISTINCT order_id) FROM placed",
    "completed": "SELECT COUNT(*) FROM fate WHERE completed AND (paid, reserved, shipped, confirmed) = (1, 1, 1, 1)",
    "rejected": "SELECT COUNT(*) FROM fate WHERE rejected AND (paid, reserved, shipped, confirmed) = (0, 0, 0, 0)",
    "declined": "SELECT COUNT(*) FROM deeds WHERE answer = 'refused' AND action = 'charge'",
    "sold_out": "SELECT COUNT(*) FROM deeds WHERE answer = 'refused' AND action = 'reserve'",
    "unreachable": "SELECT COUNT(*) FROM deeds WHERE answer = 'refused' AND action = 'ship'",
    "called_again": """SELECT SUM(n - 1) FROM
        (SELECT COUNT(*) AS n FROM calls WHERE answer IS NULL OR answer <> 'unavailable' GROUP BY key)""",
    "recognized": "SELECT COUNT(*) FROM calls WHERE answer = 'repeated'",
    "charged_twice": "SELECT COUNT(*) FROM twice WHERE action = 'charge'",
    "done_twice": """SELECT COUNT(*) FROM (SELECT order_id FROM twice WHERE action <> 'charge'
        UNION SELECT order_id FROM fate WHERE completed AND rejected)""",
    "lost": "SELECT COUNT(*) FROM fate WHERE COALESCE(completed, 0) = 0 AND COALESCE(rejected, 0) = 0",
    "unpaid_shipped": """SELECT COUNT(*)
          FROM (SELECT order_id, MAX(at) AS at FROM did WHERE action = 'ship' GROUP BY 1) s
        WHERE NOT EXISTS (SELECT 1 FROM did c WHERE c.order_id = s.order_id AND c.action = 'charge' AND c.at <= s.at)
           OR (SELECT COUNT(*) FROM did c WHERE c.order_id = s.order_id AND c.action = 'charge')
            = (SELECT COUNT(*) FROM did r WHERE r.order_id = s.order_id AND r.action = 'refund')""",
    "incomplete": """SELECT COUNT(*) FROM fate
        WHERE completed AND MIN(paid, reserved, shipped, confirmed) < 1""",
    "not_undone": """SELECT COUNT(*) FROM fate
        WHERE rejected AND NOT completed AND MAX(paid, reserved, shipped, confirmed) > 0""",
    "never_placed": "SELECT COUNT(DISTINCT order_id) FROM deeds WHERE order_id NOT IN (SELECT order_id FROM placed)",
}


def merged(folder: Path) -> sqlite3.Connection:
    """Copy the rows of all ledgers of a folder into one database in memory."""
    one = sqlite3.connect(":memory:")
    one.executescript("CREATE TABLE deeds (order_id, action, answer, at); CREATE TABLE calls (key, answer);")
    one.execute("CREATE TABLE placed (order_id)")
    for name in SERVICES:
        with closing(sqlite3.connect(f"file:{folder / name}.db?mode=ro", uri=True)) as file:
            deeds = file.execute("SELECT order_id, action, answer, at FROM deeds")
            one.executemany("INSERT INTO deeds VALUES (?, ?, ?, ?)", deeds)
            one.executemany("INSERT INTO calls VALUES (?, ?)", file.execute("SELECT key, answer FROM calls"))
    with closing(sqlite3.connect(f"file:{folder / 'customers.db'}?mode=ro", uri=True)) as file:
        one.executemany("INSERT INTO placed VALUES (?)", file.execute("SELECT order_id FROM placed"))
    one.executescript(FATES)
    return one


def count(folder: Path) -> dict[str, int]:
    """Count the figures of one folder."""
    with closing(merged(folder)) as ledgers:
        return {name: ledgers.execute(query).fetchone()[0] or 0 for name, query in FIGURES.items()}


def main(arguments: list[str]) -> int:
    """Count each folder, print its figures, and say whether all is well."""
    folders = [Path(argument) for argument in arguments if argument != "--json"]
    if not folders:
        print(__doc__, file=sys.stderr)
        return 2
    counted = {str(folder): count(folder) for folder in folders}
    if "--json" in arguments:
        print(json.dumps(counted, indent=2))
    else:
        for name, figures in counted.items():
            print(name, *(f"  {key.replace('_', ' ')}: {value}" for key, value in figures.items()), sep="\n")
    wrong = [f"{name}: {key}" for name, figures in counted.items() for key in MUST_BE_NONE if figures[key]]
    for fault in wrong:
        print(f"WRONG: {fault}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
