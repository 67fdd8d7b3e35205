"""How a process is declared to go, and what of a case is done, owed, possible later, or out of reach.

Pure: a ``Flow`` is read from what is declared, a ``Trail`` is what was seen of a case, and ``frontier``
is flow and trail put together. Nothing in here knows a store.
"""

from dalsegno.insight.flow.declared import Emitter, Flow, Handler, Process
from dalsegno.insight.flow.drift import Dead, Drift, Edge, dead_edges, drift, edges
from dalsegno.insight.flow.frontier import frontier
from dalsegno.insight.flow.picture import Picture, as_document, as_json, as_mermaid, as_text, picture
from dalsegno.insight.flow.reading import read_flow
from dalsegno.insight.flow.results import Awaited, Debt, Debtor, End, Frontier, Later, Owed
from dalsegno.insight.flow.trail import Happened, Participant, Reacted, State, Trail

__all__ = [
    "Awaited",
    "Dead",
    "Debt",
    "Debtor",
    "Drift",
    "Edge",
    "Emitter",
    "End",
    "Flow",
    "Frontier",
    "Handler",
    "Happened",
    "Later",
    "Owed",
    "Participant",
    "Picture",
    "Process",
    "Reacted",
    "State",
    "Trail",
    "as_document",
    "as_json",
    "as_mermaid",
    "as_text",
    "dead_edges",
    "drift",
    "edges",
    "frontier",
    "picture",
    "read_flow",
]
