"""Which columns name a row of a table, and to which table they join."""

from collections.abc import Collection
from typing import Final, NamedTuple

from exports.tables.columns import StudyTable
from exports.tables.forms import FOLDER
from exports.tables.study_columns import NAMED_BY_ID

RECORD: Final = ("patient", "visit", "visit_number", "repeat")
KEYS: Final[dict[str, tuple[str, ...]]] = {
    "patients": ("patient",),
    "visits": ("patient", "visit", "number"),
    "criteria": ("patient", "decision", "criterion"),
    "infusions": ("patient", "infusion"),
    "preparations": ("patient", "infusion"),
    "infusion_steps": ("step_id",),
    "bedside_observations": ("observation",),
    "bedside_values": ("observation", "item"),
    "infusion_checklists": ("checklist",),
    "checklist_answers": ("checklist", "event"),
    "adverse_events": ("patient", "number"),
    "event_classes": ("patient", "event"),
    "event_timing": ("patient", "event", "infusion"),
    "event_grades": ("patient", "event", "number"),
    "deviations": ("patient", "number"),
    "product_deviations": ("patient", "number"),
    "contacts": ("patient", "number"),
    "prescreening": ("number",),
    "queries": ("patient", "query"),
    "samples": ("patient", "number"),
    "aliquots": ("aliquot",),
    "sample_events": ("event",),
    "shipments": ("shipment",),
    "storage_excursions": ("number",),
    "donors": ("donor",),
    "donations": ("donation",),
    "cell_banks": ("bank",),
    "lots": ("lot",),
    "bags": ("lot", "bag"),
    "bag_movements": ("lot", "bag", "number"),
    "holds": ("hold",),
    "treatment_holds": ("patient", "number"),
    "envelopes": ("envelope",),
    "kits": ("kit",),
    "instructions": ("patient", "number"),
    "case_clocks": ("patient", "event", "kind", "starts_at"),
    "late_infusions": ("patient", "infusion"),
    "level_openings": ("opening",),
    "level_patients": ("patient",),
    "hold_releases": ("hold", "side"),
    "masked_results": ("patient", "visit", "visit_number", "form", "item"),
    "donor_answers": ("donor", "item"),
    "donor_criteria": ("donor", "criterion"),
    "lot_certificates": ("lot", "sha256"),
    "exceptional_steps": ("patient", "infusion", "lot", "kind"),
    "worksheet_steps": ("step_id",),
    "worksheet_values": ("step_id", "name"),
    "product_queries": ("query",),
    "stop_overrides": ("patient", "infusion", "stop"),
    "allocation": ("stratum", "position"),
    "allocation_hash": ("sha256",),
    "reserve_envelopes": ("envelope",),
    "planned_unblinding": ("opened_at",),
    "audit_trail": ("table", "row", "sequence", "field"),
    "data_dictionary": ("table", "item", "protocol_versions"),
    "columns": ("table", "column"),
    "codes": ("table", "column", "code", "language"),
} | dict.fromkeys(NAMED_BY_ID, ("id",))
"""Columns that name one row, by table. The tables of forms have `RECORD`, those of rows in a form `row` besides."""


class Join(NamedTuple):
    """Columns of a table that name a row of another. tables: that join so; all that have the columns if empty.

    other: columns of the target with the same values, where they are not its key but name one row too.
    """

    columns: tuple[str, ...]
    target: str
    tables: Collection[str] = ()
    other: tuple[str, ...] = ()

    @property
    def target_columns(self) -> tuple[str, ...]:
        """Return the columns of the target, in the order of `columns`."""
        return self.other or KEYS[self.target]


JOINS: Final = (
    Join(("patient",), "patients"),
    Join(("patient", "visit", "visit_number"), "visits"),
    Join(("patient", "infusion"), "infusions"),
    Join(("observation",), "bedside_observations", ("bedside_values", "stop_decisions")),
    Join(("checklist",), "infusion_checklists", ("checklist_answers",)),
    Join(
        ("patient", "event"),
        "adverse_events",
        ("event_grades", "event_links", "case_clocks", "event_classes", "event_timing"),
    ),
    Join(("patient", "query"), "queries", ("query_messages",)),
    Join(("sample",), "samples", ("aliquots",), ("sample",)),
    Join(("aliquot",), "aliquots"),
    Join(("shipment",), "shipments"),
    Join(("donor",), "donors", ("donor_answers", "donor_criteria", "donor_decisions", "donations")),
    Join(("donation",), "donations"),
    Join(("bank",), "cell_banks"),
    Join(("lot",), "lots", ("lot_results", "lot_decisions", "lot_certificates", "bags", "bag_movements")),
    Join(("lot", "bag"), "bags", ("bag_movements",)),
    Join(("hold",), "holds"),
    Join(("envelope",), "envelopes", ("envelope_checks",)),
    Join(("envelope",), "reserve_envelopes", ("reserve_checks",)),
    Join(("step_id",), "worksheet_steps", ("worksheet_values",)),
    Join(("query",), "product_queries", ("product_query_messages",)),
)


def key_of(table: StudyTable) -> tuple[str, ...]:
    """Return the columns that name a row of a table; none where a table has no such columns."""
    if table.name.startswith(FOLDER):
        return (*RECORD, "row") if "row" in table.header else RECORD
    return KEYS.get(table.name, ())


def joins_of(table: StudyTable, present: Collection[str]) -> list[Join]:
    """Return the joins of a table to others of the archive (`present`: their names)."""
    names = set(table.header)
    return [
        join
        for join in JOINS
        if join.target in present and join.target != table.name and names.issuperset(join.columns)
        if not join.tables or table.name in join.tables
    ]
