"""Checks of a choreography that run nothing of it: declarations that fit together, and are true.

``check`` reads what an App knows, and the source of its handlers, and reports what is wrong with file and
line. ``asyncapi`` exports one service as an AsyncAPI 3 document. Nothing here knows a store or a broker.
"""

from dalsegno.events.contracts.checking import check
from dalsegno.events.contracts.report import Finding, Looked, Report, Rule

__all__ = ["Finding", "Looked", "Report", "Rule", "check"]
