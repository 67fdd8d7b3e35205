"""Schemas of events: whether two versions fit, who breaks if they do not, and what may join them.

``compare_json`` and ``compare_avro`` compare two schemas, ``Versions`` judges a new version of an event
type by its mode, ``who_breaks`` names those concerned, ``check_declared`` does all of it for a program.
Nothing here knows a store.
"""

from dalsegno.events.schemas.avro import compare_avro
from dalsegno.events.schemas.breakage import Breakage, Party, Users, who_breaks
from dalsegno.events.schemas.compatibility import Casts, Format, Mode, Side, compare
from dalsegno.events.schemas.deployed import Declared, Finding, Report, check_declared
from dalsegno.events.schemas.json_schema import compare_json
from dalsegno.events.schemas.registry import Admission, Registered, Standing, Versions, registered
from dalsegno.events.schemas.verdicts import Direction, Incompatibility, Kind, Rule, Sides, Verdict, render

__all__ = [
    "Admission",
    "Breakage",
    "Casts",
    "Declared",
    "Direction",
    "Finding",
    "Format",
    "Incompatibility",
    "Kind",
    "Mode",
    "Party",
    "Registered",
    "Report",
    "Rule",
    "Side",
    "Sides",
    "Standing",
    "Users",
    "Verdict",
    "Versions",
    "check_declared",
    "compare",
    "compare_avro",
    "compare_json",
    "registered",
    "render",
    "who_breaks",
]
