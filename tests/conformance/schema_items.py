"""Items about schemas of events, drawn at random: for the machine that writes them to both stores."""

from __future__ import annotations

from dalsegno.core.schemas import RegisterSchemas, SchemaRow
from tests.conformance.drawing import Drawing


class SchemaItems(Drawing):
    """Draws them; what the store in memory holds tells how many there are."""

    def register_schemas(self) -> RegisterSchemas:
        pick = self.rng.choice
        namespace, types = pick(["default", "other"]), pick([["Placed"], ["Paid"], ["Placed", "Paid"]])
        seen = tuple((type_, self._there(namespace, type_) + self.chance(6)) for type_ in types)
        schemas = tuple(self._schema(pick(types)) for _ in range(self.rng.randrange(3)))
        return RegisterSchemas(namespace, schemas, seen)

    def _there(self, namespace: str, type_: str) -> int:
        return len(self.runner.run(self.memory.store.schemas(namespace, type_)))

    def _schema(self, type_: str) -> SchemaRow:
        pick = self.rng.choice
        says, mode = pick(["{}", "true", '{"ä":[]}']), pick(["backward", "none"])
        return SchemaRow(
            type_, self.rng.randint(1, 9), pick(["json", "avro"]), says, says, mode, self.chance(2)
        )
