"""A page of metrics, asked for as Prometheus does and read with its own parser."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Mapping

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(address: str, headers: Mapping[str, str] = {}) -> Samples:
    request = urllib.request.Request(f"http://{address}/metrics", headers=dict(headers))
    with urllib.request.urlopen(request, timeout=10) as answer:
        return read(answer.read().decode())


def read(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"dalsegno_{name}", frozenset(labels.items())))


def total(samples: Samples, name: str, **labels: str) -> float:
    """Sum up all that have these labels, whatever else they have."""
    wanted = set(labels.items())
    return sum(
        found for (known, has), found in samples.items() if known == f"dalsegno_{name}" and wanted <= has
    )


def scraped_until(address: str, look: Callable[[Samples], object]) -> Samples:
    """Scrape until a page shows what is looked for."""
    from tests.helpers.waiting import until

    seen: list[Samples] = []

    def again() -> bool:
        seen[:] = [scrape(address)]
        return bool(look(seen[0]))

    until(again, f"a page of metrics that shows it; the last one: {seen}")
    return seen[0]
