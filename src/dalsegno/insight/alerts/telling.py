"""Tells of alerts: calls functions, and posts to webhooks. Neither is on the worker's loop for longer than a moment."""

from __future__ import annotations

import asyncio
import inspect
import urllib.request
from http import HTTPStatus

from dalsegno.insight.alerts.news import News
from dalsegno.insight.alerts.rules import LOG, Target
from dalsegno.insight.render import to_json

_PATIENCE = 10.0  # seconds


async def tell(target: Target, news: News) -> None:
    """Tell one of them. Raises what keeps it from being told; what goes on the log is told by its commit."""
    if callable(target):
        if inspect.iscoroutinefunction(target):
            await target(news)
        else:
            await asyncio.to_thread(target, news)
    elif target != LOG:
        await asyncio.to_thread(_post, target, news)


def _post(address: str, news: News) -> None:
    request = urllib.request.Request(
        address,
        data=to_json(news).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": news.id},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise OSError(f"{address} answered {answer.status}")
