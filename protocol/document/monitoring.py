"""The monitoring plan of a protocol: what a monitor compares with its source."""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field

from protocol.document.items import Form, Part
from protocol.document.written_values import Name

Plan = Literal["all", "none"] | Annotated[tuple[Name, ...], Field(min_length=1)]
FactGroup = Literal[
    "adverse_event", "serious_event", "infusion", "consent", "eligibility", "disposition", "contact", "sample"
]

# The facts with a source document. The result of a criterion has none: it is computed from the forms.
OF_EVENT = (
    "term", "description", "onset", "end", "grade", "seriousness", "causality", "outcome", "action_taken", "aesi",
    "aware", "serious_aware", "reported",
)  # fmt: skip
VERIFIABLE: dict[str, tuple[str, ...]] = {
    "adverse_event": OF_EVENT,
    "serious_event": OF_EVENT,
    "infusion": (
        "not_given_reason", "weight_kg", "weight_measured", "started", "ended", "volume_ml", "interrupted",
        "interruption_reason", "premedication", "tolerated", "tolerance_note",
    ),
    "consent": (
        "type", "representative_relation", "version", "given", "obtained_by", "capacity_regained_on",
    ),
    "eligibility": ("conclusion", "group", "inclusion_on"),
    "disposition": ("ended_on", "end_reason", "end_note"),
    "contact": ("tried_on", "way", "tried_by", "outcome", "note"),
    "sample": ("collected", "collected_by", "note", "not_collected_reason"),
}  # fmt: skip


class Monitoring(Part):
    """The scope of source data verification: items form by form, and facts of the rows outside the forms.

    Of each: all, a list of names, or none. What is not listed needs none. `serious_event` adds to `adverse_event`.
    A calculated item has no source document and never needs verification.
    """

    verify: dict[Name, Plan] = {}
    facts: dict[FactGroup, Plan] = {}

    def items_of(self, form: Form) -> tuple[str, ...]:
        """Return the items of a form that need source data verification, in the order of the form."""
        plan = self.verify.get(form.code, "none")
        if plan == "none":
            return ()
        entered = (item.name for item in form.items if not item.is_calculated)
        return tuple(name for name in entered if plan == "all" or name in plan)

    def facts_of(self, groups: Collection[str]) -> tuple[str, ...]:
        """Return the facts that need source data verification of a row that belongs to these groups."""
        planned = {name for group in groups for name in self.planned_facts.get(group, ())}
        order = dict.fromkeys(name for group in groups for name in VERIFIABLE[group])
        return tuple(name for name in order if name in planned)

    @property
    def planned_facts(self) -> dict[str, tuple[str, ...]]:
        """Return the facts that need source data verification by group, without groups that need none."""
        return {
            group: tuple(name for name in VERIFIABLE[group] if plan == "all" or name in plan)
            for group, plan in self.facts.items()
            if plan != "none"
        }
