"""A report each night, for years: a run sleeps until it is time, reports, and starts its successor.

    python examples/nightly_report.py            starts tonight's, which then waits in the store
    python examples/nightly_report.py --hurry    three nights in less than a second

One run per night keeps each journal short, and each night can be found by its id. While it sleeps, no
process need be there; the one that comes next takes it up.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from datetime import date, timedelta

from dalsegno import App, Retry, sleep, step, workflow


@dataclass
class Night:
    day: date
    last: date
    length: str = "1d"


@step(retry=Retry(attempts=5, first="1s"))
def collect_figures(day: date) -> int:
    return day.toordinal() % 1_000


@step
def mail_report(day: date, figures: int) -> None:
    print(f"report of {day:%d %B}: {figures} orders")


@workflow
def nightly_report(night: Night) -> int:
    sleep(night.length)
    figures = collect_figures(night.day)
    mail_report(night.day, figures)
    if night.day < night.last:
        tomorrow = replace(night, day=night.day + timedelta(days=1))
        nightly_report.start(tomorrow, id=f"report-{tomorrow.day}", detached=True)
    return figures


app = App("reports")

if __name__ == "__main__":
    hurry = "--hurry" in sys.argv
    first = date(2026, 11, 21)
    night = Night(first, first + timedelta(days=2), "100ms") if hurry else Night(first, date(2036, 1, 1))
    with app as client:
        run = client.start(nightly_report, night, id=f"report-{first}{'-hurry' if hurry else ''}")
        while run.status() in ("pending", "running"):
            time.sleep(0.02)
        if hurry:
            run.result()
            client.run("report-2026-11-22").result()
            client.run("report-2026-11-23").result()
        else:
            print(f"{run.id} is {run.status()} until tomorrow")
