"""The columns of each table of a study."""

from datetime import date
from typing import Any

from django.utils.translation import gettext_noop

from audit.stored_text import code_of
from exports.tables import bedside, holds, product, review
from exports.tables.columns import PATIENT, TableColumn, col, computed, moment
from exports.tables.events import EVENT_TABLES, EVENT_TITLES
from patients.models import Visit
from patients.queries.asked_values import day_of_query, value_of_query
from protocol.checking.dictionary import missing_in_files


def block_of(block: int, locked_at: Any) -> int | None:
    """Return the block of a place, which tells the next arm while the trial recruits: nothing before the lock."""
    return block if locked_at else None


def end_before_visit(
    state: str, window_to: date | None, planned_on: date | None, ended_on: date | None, reason: str
) -> str | None:
    """Return why the study of the patient ended before a visit took place; None for one that was held or is missing.

    The visit is missing if its window had passed by then.
    """
    last = window_to or planned_on
    if state not in (Visit.State.PLANNED, Visit.State.CANCELLED) or ended_on is None or last is None:
        return None
    return reason if last >= ended_on else None


def _changed_ids(changes: Any) -> str:
    """Return the criteria, group and items of the stratum that would be judged otherwise now."""
    return " ".join(str(change["id"]) for change in changes)


def _deviation_columns(numbered: str) -> tuple[TableColumn, ...]:
    """Return the columns of a log of deviations; both have the same."""
    return (
        PATIENT,
        col("number", f"Number: {numbered}"),
        col("category", "What it concerns"),
        col("found_at", "Kind of place it was found at; empty if entered by hand", "place"),
        col("found_at_key", "Visit, number of the infusion or event, criterion, or form", "place_key"),
        col("occurred_on", "Happened on (ISO 8601 prefix)"),
        col("detected_on", "Noticed on"),
        col("description", "What happened", free_text=True),
        computed(
            "description_code", "Code of what happened, when no person wrote it", code_of, "description"
        ),
        col("classification", "Classification"),
        col("classified_by", "Classified by", "classified_by__full_name", free_text=True),
        col("classified_at", "Classified at (UTC)"),
        col("action_taken", "Action taken", free_text=True),
        col("reported_on", "Reported to the sponsor on"),
        col("amended_at", "Text amended by a person at (UTC)"),
        col("place_corrected", "The place was corrected since: a person has to look", free_text=True),
        col("struck_out_reason", "Struck out because", free_text=True),
        col("after_lock_reason", "Entered after the lock because", free_text=True),
        col("recorded_at", "Recorded at (UTC)"),
    )


ROW = col("id", "Id of the row, as `row` of the audit trail")
NAMED_BY_ID = frozenset({
    "consents", "eligibility", "event_links", "unblindings", "query_messages", "signatures", "verification",
    "kit_checks", "give_before", "stop_decisions", "bedside_gaps", "donor_decisions", "lot_results", "lot_decisions",
    "recipient_openings", "product_query_messages", "product_marks", "envelope_checks", "reserve_checks",
})  # fmt: skip
"""Tables in which no facts name a row: what was recorded may be recorded again."""
_FACTS: dict[str, tuple[TableColumn, ...]] = {
    "patients": (
        col("patient", "Subject code", "code"),
        col("status", "Status", "state"),
        col("protocol_version", "Protocol version", "protocol__version"),
        col("reconsent_version", "Version of the consent form to sign again"),
        col("screened_on", "Day of screening"),
        col("group", "Group"),
        col("included_on", "Day of inclusion", "enrolled_on"),
        col("first_infusion_on", "Day of the first infusion"),
        col("screen_failure_on", "Day of screen failure", "failed_on"),
        col("screen_failure_reason", "Reason for screen failure", "failure_reason", free_text=True),
        col("study_ended_on", "End of study", "ended_on"),
        col("end_reason", "Reason for the end of study"),
        col("end_note", "Note on the end of study", free_text=True),
        col("treatment_withdrawn_on", "Consent withdrawn for the treatment"),
        col("samples_withdrawn_on", "Consent withdrawn for samples"),
        col("follow_up_withdrawn_on", "Consent withdrawn for follow-up"),
        col("data_withdrawn_on", "Consent withdrawn for new data"),
        col("withdrawal_note", "Withdrawal in the patient's words", free_text=True),
    ),
    "consents": (
        PATIENT,
        col("given_by", "Consent given by", "type"),
        col("version", "Version of the consent form"),
        *moment("given", "Date and time of consent"),
        col("capacity_regained_on", "Day on which the patient could decide again"),
        col("obtained_by", "Consent obtained by", free_text=True),
        col("representative_relation", "Relation of the representative", free_text=True),
        col("struck_out_reason", "Entered in error because", free_text=True),
        col("recorded_at", "Recorded at (UTC)"),
    ),
    "eligibility": (
        PATIENT,
        col("decided_at", "Decided at (UTC)"),
        col("decided_by", "Decided by", "decided_by__full_name", free_text=True),
        col("inclusion_on", "Intended day of inclusion"),
        col("conclusion", "Conclusion"),
        col("group", "Group"),
        col("protocol_version", "Protocol version", "protocol__version"),
        computed("changes", "What would be judged otherwise now", _changed_ids, "changes"),
        col("changed_at", "Rests on changed inputs since (UTC)"),
    ),
    "visits": (
        PATIENT,
        col("visit", "Visit", "code"),
        col("number", "Number of an unscheduled visit"),
        col("status", "Status", "state"),
        col("protocol_version", "Protocol version it was held under", "protocol__version"),
        col("planned_on", "Planned day"),
        col("window_from", "First day of the window"),
        col("window_to", "Last day of the window"),
        col("held_on", "Day of the visit"),
        col("missed_reason", "Reason for a missed visit", free_text=True),
        computed(
            "not_held_because",
            "Reason for the end of study, if it came before the visit; empty for a visit that is missing",
            end_before_visit,
            *("state", "window_to", "planned_on", "patient__ended_on", "patient__end_reason"),
        ),
        col("reason", "Reason for an unscheduled visit", free_text=True),
    ),
    "infusions": (
        PATIENT,
        col("infusion", "Infusion number", "number"),
        col("kit", "Kit number", "kit__number"),
        col("status", "Status", "state"),
        col("planned_on", "Planned day"),
        col("window_from", "First day of the window"),
        col("window_to", "Last day of the window"),
        col("window_opens_at", "Window opens at (UTC), if it is in hours"),
        col("window_closes_at", "Window closes at (UTC), if it is in hours"),
        col("weight_asked", "Weight asked (the dose depends on it)"),
        col("weight_kg", "Weight of the day (kg)"),
        *moment("weight_measured", "Weight measured at"),
        col("weight_confirmation", "How an unlikely weight was made sure of", free_text=True),
        *moment("started", "Start"),
        *moment("ended", "End"),
        col("volume_ml", "Volume infused (mL)"),
        col("interrupted", "Interrupted (Y/N)"),
        col("interruption_reason", "Reason for the interruption", free_text=True),
        col("premedication", "Premedication", free_text=True),
        col("tolerated", "Well tolerated (Y/N)"),
        col("tolerance_note", "What was not tolerated", free_text=True),
        col("timing_deviation_reason", "Reason for the timing", free_text=True),
        col("not_given_reason", "Reason it was not given", free_text=True),
    ),
    "preparations": (
        PATIENT,
        col("infusion", "Infusion number", "infusion__number"),
        col("donor_code", "Donor code", free_text=True),
        col("lot", "Lot", free_text=True),
        col("bag", "Bags", free_text=True),
        col("viable_cells", "Viable cells given"),
        col("viability_percent", "Viability (%)"),
        *moment("thawed", "Thawed at"),
        col("dose_basis", "Basis of the dose"),
        col("dose_measure", "Kg or m² of the basis; 1 for a fixed number of cells"),
        col("cells_per_kg", "Viable cells per kg"),
        col("dose_finding", "Dose compared with the protocol"),
        col("dose_deviation_reason", "Reason for the dose", free_text=True),
        col("donor_deviation_reason", "Reason for another donor", free_text=True),
    ),
    "allocation": (
        col("stratum", "Stratum", free_text=True),
        col("position", "Position in the list"),
        computed(
            "block", "Block, once the trial is locked", block_of, "block", "trial__locked_at", kind="integer"
        ),
        col("arm", "Arm"),
        PATIENT,
        col("taken_at", "Taken at (UTC)"),
    ),
    **EVENT_TABLES,
    "deviations": _deviation_columns("D-1, D-2 … in each patient"),
    "product_deviations": _deviation_columns("P-1, P-2 … in each patient"),
    "contacts": (
        PATIENT,
        col("number", "Number of the attempt"),
        col("tried_on", "Day of the attempt"),
        col("way", "Way"),
        col("tried_by", "Who tried", free_text=True),
        col("outcome", "Outcome"),
        col("note", "Note", free_text=True),
        col("struck_out_reason", "Struck out because", free_text=True),
        col("recorded_at", "Recorded at (UTC)"),
    ),
    # As in the domains BE (biospecimen events) and BS (biospecimen findings) of the SDTM.
    "samples": (
        PATIENT,
        col("number", "Number of the sample"),
        col("sample", "Code of the sample (BSREFID)", "code"),
        col("visit", "Visit", "visit__code"),
        col("visit_number", "Number of an unscheduled visit", "visit__number"),
        col("kind", "Kind of sample in the protocol", "plan"),
        col("specimen", "Specimen (BSSPEC)"),
        *moment("collected", "Collected (BEDTC)"),
        col("collected_at", "Collected at (UTC)"),
        col("collected_by", "Collected by", free_text=True),
        col("not_collected_reason", "Not collected because", free_text=True),
        col("note", "Note", free_text=True),
        col("struck_out_reason", "Struck out because", free_text=True),
        col("recorded_at", "Recorded at (UTC)"),
    ),
    "aliquots": (
        PATIENT,
        col("sample", "Code of the sample (parent of the aliquot)", "sample__code"),
        col("number", "Number of the aliquot"),
        col("aliquot", "Code of the aliquot (BEREFID)", "code"),
        col("volume_ml", "Volume (BSTESTCD VOLUME, mL)"),
        col("status", "Status", "state"),
        col("place", "Place", free_text=True),
    ),
    "sample_events": (
        PATIENT,
        col("event", "Id of the event", "id"),
        col("aliquot", "Code of the aliquot (BEREFID)", "aliquot__code"),
        col("kind", "What was done (BETERM)"),
        *moment("moment", "Date and time (BESTDTC)"),
        col("at", "At (UTC)"),
        col("place", "Place (BELOC)", free_text=True),
        col("done_by", "By whom (BEPARTY)", free_text=True),
        col("condition", "Condition on arrival"),
        col("reason", "Reason", free_text=True),
        col("shipment", "Number of the shipment", "shipment__number"),
        col("reverses", "Id of the event that it reverses", "reverses__id"),
        col("recorded_at", "Recorded at (UTC)"),
    ),
    "shipments": (
        col("shipment", "Number of the shipment", "number"),
        col("destination", "Destination", free_text=True),
        col("carrier", "Carrier", free_text=True),
        col("consignment", "Number of the consignment", free_text=True),
        col("packing", "Packing"),
        col("logger", "Temperature logger", free_text=True),
        *moment("sent", "Sent"),
        col("sent_at", "Sent at (UTC)"),
        col("sent_by", "Sent by", free_text=True),
        *moment("received", "Received"),
        col("received_at", "Received at (UTC)"),
        col("received_by", "Received by", free_text=True),
        col("receipt_note", "Note on the receipt", free_text=True),
        col("recorded_at", "Recorded at (UTC)"),
    ),
    "storage_excursions": (
        col("number", "Number of the excursion"),
        col("place", "Place", free_text=True),
        *moment("began", "From"),
        col("began_at", "From (UTC)"),
        *moment("ended", "To"),
        col("ended_at", "To (UTC)"),
        col("lowest_c", "Lowest temperature (°C)"),
        col("highest_c", "Highest temperature (°C)"),
        col("note", "What happened", free_text=True),
        col("recorded_at", "Recorded at (UTC)"),
        col("outcome", "Evaluation"),
        col("reason", "Reason of the evaluation", free_text=True),
        col("evaluated_by", "Evaluated by", "evaluated_by__full_name", free_text=True),
        col("evaluated_at", "Evaluated at (UTC)"),
    ),
    "prescreening": (
        col("number", "Number of the row"),
        col("considered_on", "Considered on"),
        col("people", "Number of people"),
        col("outcome", "Outcome"),
        col("reason", "Reason"),
        col("note", "Note", free_text=True),
        col("struck_out_reason", "Struck out because", free_text=True),
        col("recorded_at", "Recorded at (UTC)"),
    ),
    "queries": (
        PATIENT,
        col("query", "Number of the query", "id"),
        col("about", "Kind of row it is about", "target"),
        col("about_number", "Number of the adverse event, infusion, contact or sample"),
        col("visit", "Visit", "about_visit_code"),
        col("visit_number", "Number of the visit", "about_visit_number"),
        col("visit_date", "Day of the visit", "about_visit_held_on"),
        computed(
            "day",
            "Day of the event, infusion, consent, decision or end of study",
            day_of_query,
            "target",
            "fact",
        ),
        col("form", "Form", "record__form"),
        col("repeat", "Row of a log", "record__repeat"),
        col("item", "Item, or fact of the row"),
        col("row_id", "Id of the row of a table", "row"),
        col("column", "Column of a table"),
        computed(
            "value",
            "Value at the export",
            value_of_query,
            *("record__values", "item", "row", "column", "target", "fact"),
            free_text=True,
        ),
        col("status", "Status", "state"),
        col("raised_by", "Raised by", "origin"),
        col("check", "Check", "check_id"),
        col("question", "Question", "text", free_text=True),
        col("opened_at", "Opened at (UTC)"),
        col("closed_at", "Closed at (UTC)"),
        col("closed_because", "Closed because", free_text=True),
        computed(
            "closed_code", "Code of why it was closed, when no person says it", code_of, "closed_because"
        ),
    ),
    "unblindings": (
        col("patient", "Subject code", "patient__code"),
        col("category", "Category"),
        col("learned", "What became known"),
        col("known_to", "Person who knows", "known_to__full_name", free_text=True),
        col("known_to_name", "Somebody without an account who knows", free_text=True),
        *moment("known_since", "Known since"),
        col("reason", "Reason, or how it became known", free_text=True),
        col("recorded_by", "Recorded by", "recorded_by__full_name", free_text=True),
        col("recorded_at", "Recorded at (UTC)"),
    ),
    "masked_results": (
        PATIENT,
        col("visit", "Visit", "visit__code"),
        col("visit_number", "Number of the visit", "visit__number"),
        col("form", "Form"),
        col("item", "Item"),
        col("value", "Result", free_text=True),
        computed("missing", "Missing because", missing_in_files, "missing"),
        col("entered_by", "Entered by", "entered_by__full_name", free_text=True),
        col("entered_at", "Entered at (UTC)"),
    ),
    "query_messages": (
        col("patient", "Subject code", "query__patient__code"),
        col("query", "Number of the query", "query_id"),
        col("at", "Said at (UTC)"),
        col("said_by", "Author", "author__full_name", free_text=True),
        col("role", "Role at that time", "author_role"),
        col("text", "Message", free_text=True),
    ),
    **review.COLUMNS,
    **bedside.COLUMNS,
    **holds.COLUMNS,
    **product.COLUMNS,
}
COLUMNS = {name: (*columns, ROW) if name in NAMED_BY_ID else columns for name, columns in _FACTS.items()}
TITLES = {
    "patients": gettext_noop("Patients"),
    "consents": gettext_noop("Consents"),
    "eligibility": gettext_noop("Decisions on eligibility"),
    "visits": gettext_noop("Visits"),
    "infusions": gettext_noop("Infusions"),
    "preparations": gettext_noop("Products of the infusions"),
    "allocation": gettext_noop("Allocation list"),
    **EVENT_TITLES,
    "deviations": gettext_noop("Protocol deviations"),
    "masked_results": gettext_noop("Masked results"),
    "product_deviations": gettext_noop("Deviations of the product"),
    "contacts": gettext_noop("Contacts"),
    "samples": gettext_noop("Samples"),
    "aliquots": gettext_noop("Aliquots"),
    "sample_events": gettext_noop("Ledger of the aliquots"),
    "shipments": gettext_noop("Shipments"),
    "storage_excursions": gettext_noop("Temperature excursions of places of samples"),
    "prescreening": gettext_noop("Pre-screening log"),
    "unblindings": gettext_noop("Unblinding"),
    "queries": gettext_noop("Queries"),
    "query_messages": gettext_noop("Messages of the queries"),
    **review.TITLES,
    **bedside.TITLES,
    **holds.TITLES,
    **product.TITLES,
}
