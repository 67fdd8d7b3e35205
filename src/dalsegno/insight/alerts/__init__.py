"""Alerts: rules that are looked at while nobody looks, and who is told when one holds."""

from dalsegno.insight.alerts.news import News
from dalsegno.insight.alerts.rules import Alert

__all__ = ["Alert", "News"]
