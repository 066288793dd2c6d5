"""Tables of the study in an export, and their columns."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from audit.stored_text import code_of
from dosing.models import AllocationSlot, Infusion, MaskedResult, Preparation, ProductDeviation, Unblinding
from exports.tables.columns import StudyTable, TableColumn, reader_of
from exports.tables.queries import queries_with_rows
from patients.models import (
    Aliquot,
    Consent,
    ContactAttempt,
    Deviation,
    EligibilityDecision,
    Patient,
    PrescreeningRow,
    QueryMessage,
    Sample,
    SampleMovement,
    Shipment,
    Visit,
)
from patients.queries.asked_values import day_of_query, value_of_query
from safety.models import AdverseEvent
from trials.models import Trial


def _col(name: str, label: str, source: str = "", *, free_text: bool = False) -> TableColumn:
    return TableColumn(name=name, source=source or name, label=label, free_text=free_text)


def _computed(
    name: str, label: str, function: Callable[..., Any], *sources: str, free_text: bool = False
) -> TableColumn:
    """Return a column that `function` computes from the values at its sources, as the model has them."""
    return TableColumn(name, "", label, free_text, sources, function)


def block_of(block: int, locked_at: Any) -> int | None:
    """Return the block of a place, which tells the next arm while the trial recruits: nothing before the lock."""
    return block if locked_at else None


def _changed_ids(changes: Any) -> str:
    """Return the criteria, group and items of the stratum that would be judged otherwise now."""
    return " ".join(str(change["id"]) for change in changes)


PATIENT = _col("patient", "Subject code", "patient__code")


def _deviation_columns(numbered: str) -> tuple[TableColumn, ...]:
    """Return the columns of a log of deviations; both have the same."""
    return (
        PATIENT,
        _col("number", f"Number: {numbered}"),
        _col("category", "What it concerns"),
        _col("found_at", "Kind of place it was found at; empty if entered by hand", "place"),
        _col("found_at_key", "Visit, number of the infusion or event, criterion, or form", "place_key"),
        _col("occurred_on", "Happened on (ISO 8601 prefix)"),
        _col("detected_on", "Noticed on"),
        _col("description", "What happened", free_text=True),
        _computed(
            "description_code", "Code of what happened, when no person wrote it", code_of, "description"
        ),
        _col("classification", "Classification"),
        _col("classified_by", "Classified by", "classified_by__full_name", free_text=True),
        _col("classified_at", "Classified at (UTC)"),
        _col("action_taken", "Action taken", free_text=True),
        _col("reported_on", "Reported to the sponsor on"),
        _col("amended_at", "Text amended by a person at (UTC)"),
        _col("place_corrected", "The place was corrected since: a person has to look", free_text=True),
        _col("struck_out_reason", "Struck out because", free_text=True),
        _col("after_lock_reason", "Entered after the lock because", free_text=True),
        _col("recorded_at", "Recorded at (UTC)"),
    )


COLUMNS: dict[str, tuple[TableColumn, ...]] = {
    "patients": (
        _col("patient", "Subject code", "code"),
        _col("status", "Status", "state"),
        _col("protocol_version", "Protocol version", "protocol__version"),
        _col("reconsent_version", "Version of the consent form to sign again"),
        _col("screened_on", "Day of screening"),
        _col("group", "Group"),
        _col("included_on", "Day of inclusion", "enrolled_on"),
        _col("first_infusion_on", "Day of the first infusion"),
        _col("screen_failure_on", "Day of screen failure", "failed_on"),
        _col("screen_failure_reason", "Reason for screen failure", "failure_reason", free_text=True),
        _col("study_ended_on", "End of study", "ended_on"),
        _col("end_reason", "Reason for the end of study"),
        _col("end_note", "Note on the end of study", free_text=True),
        _col("treatment_withdrawn_on", "Consent withdrawn for the treatment"),
        _col("samples_withdrawn_on", "Consent withdrawn for samples"),
        _col("follow_up_withdrawn_on", "Consent withdrawn for follow-up"),
        _col("data_withdrawn_on", "Consent withdrawn for new data"),
        _col("withdrawal_note", "Withdrawal in the patient's words", free_text=True),
    ),
    "consents": (
        PATIENT,
        _col("given_by", "Consent given by", "type"),
        _col("version", "Version of the consent form"),
        _col("given", "Date and time of consent"),
        _col("capacity_regained_on", "Day on which the patient could decide again"),
        _col("obtained_by", "Consent obtained by", free_text=True),
        _col("representative_relation", "Relation of the representative", free_text=True),
        _col("struck_out_reason", "Entered in error because", free_text=True),
        _col("recorded_at", "Recorded at (UTC)"),
    ),
    "eligibility": (
        PATIENT,
        _col("decided_at", "Decided at (UTC)"),
        _col("decided_by", "Decided by", "decided_by__full_name", free_text=True),
        _col("inclusion_on", "Intended day of inclusion"),
        _col("conclusion", "Conclusion"),
        _col("group", "Group"),
        _col("protocol_version", "Protocol version", "protocol__version"),
        _computed("changes", "What would be judged otherwise now", _changed_ids, "changes"),
        _col("changed_at", "Rests on changed inputs since (UTC)"),
    ),
    "visits": (
        PATIENT,
        _col("visit", "Visit", "code"),
        _col("number", "Number of an unscheduled visit"),
        _col("status", "Status", "state"),
        _col("protocol_version", "Protocol version it was held under", "protocol__version"),
        _col("planned_on", "Planned day"),
        _col("window_from", "First day of the window"),
        _col("window_to", "Last day of the window"),
        _col("held_on", "Day of the visit"),
        _col("missed_reason", "Reason for a missed visit", free_text=True),
        _col("reason", "Reason for an unscheduled visit", free_text=True),
    ),
    "infusions": (
        PATIENT,
        _col("infusion", "Infusion number", "number"),
        _col("kit", "Kit number", "kit__number"),
        _col("status", "Status", "state"),
        _col("planned_on", "Planned day"),
        _col("window_from", "First day of the window"),
        _col("window_to", "Last day of the window"),
        _col("window_opens_at", "Window opens at (UTC), if it is in hours"),
        _col("window_closes_at", "Window closes at (UTC), if it is in hours"),
        _col("weight_asked", "Weight asked (the dose depends on it)"),
        _col("weight_kg", "Weight of the day (kg)"),
        _col("weight_measured", "Weight measured at"),
        _col("weight_confirmation", "How an unlikely weight was made sure of", free_text=True),
        _col("started", "Start"),
        _col("ended", "End"),
        _col("volume_ml", "Volume infused (mL)"),
        _col("interrupted", "Interrupted (Y/N)"),
        _col("interruption_reason", "Reason for the interruption", free_text=True),
        _col("premedication", "Premedication", free_text=True),
        _col("tolerated", "Well tolerated (Y/N)"),
        _col("tolerance_note", "What was not tolerated", free_text=True),
        _col("timing_deviation_reason", "Reason for the timing", free_text=True),
        _col("not_given_reason", "Reason it was not given", free_text=True),
    ),
    "preparations": (
        PATIENT,
        _col("infusion", "Infusion number", "infusion__number"),
        _col("donor_code", "Donor code", free_text=True),
        _col("lot", "Lot", free_text=True),
        _col("bag", "Bags", free_text=True),
        _col("viable_cells", "Viable cells given"),
        _col("viability_percent", "Viability (%)"),
        _col("thawed", "Thawed at"),
        _col("dose_basis", "Basis of the dose"),
        _col("dose_measure", "Kg or m² of the basis; 1 for a fixed number of cells"),
        _col("cells_per_kg", "Viable cells per kg"),
        _col("dose_finding", "Dose compared with the protocol"),
        _col("dose_deviation_reason", "Reason for the dose", free_text=True),
        _col("donor_deviation_reason", "Reason for another donor", free_text=True),
    ),
    "allocation": (
        _col("stratum", "Stratum", free_text=True),
        _col("position", "Position in the list"),
        _computed("block", "Block, once the trial is locked", block_of, "block", "trial__locked_at"),
        _col("arm", "Arm"),
        PATIENT,
        _col("taken_at", "Taken at (UTC)"),
    ),
    "adverse_events": (
        PATIENT,
        _col("number", "Number"),
        _col("term", "Term as reported", free_text=True),
        _col("description", "Description", free_text=True),
        _col("onset", "Onset (ISO 8601 prefix, or date and time with zone)"),
        _col("ongoing", "Ongoing (Y/N)"),
        _col("end", "End"),
        _col("grade", "CTCAE grade"),
        _col("serious", "Serious (derived)"),
        _col("results_in_death", "Results in death"),
        _col("life_threatening", "Life-threatening"),
        _col("hospitalisation", "Hospitalisation or prolongation"),
        _col("disability", "Persistent disability"),
        _col("congenital_anomaly", "Congenital anomaly"),
        _col("medically_important", "Other medically important"),
        _col("none_of_these", "None of the six criteria (explicit)"),
        _col("causality", "Causality (investigator)"),
        _col("related", "Related (derived; missing counts as related)"),
        _col("outcome", "Outcome"),
        _col("action_taken", "Action taken with the product"),
        _col("aesi", "Category of special interest"),
        _col("aware", "Site aware at"),
        _col("serious_aware", "Site aware that it is serious at"),
        _col("draft_clock_at", "Clock started by the draft at (UTC)"),
        _col("due_at", "Report to the sponsor due at (UTC)"),
        _col("reported", "Reported to the sponsor at"),
        _col("late_reason", "Reason for a late report", free_text=True),
        _col("in_error_reason", "Entered in error because", free_text=True),
        _col("after_lock_reason", "Reported after the lock because", free_text=True),
        _col("recorded_at", "Recorded at (UTC)", "created_at"),
    ),
    "deviations": _deviation_columns("D-1, D-2 … in each patient"),
    "product_deviations": _deviation_columns("P-1, P-2 … in each patient"),
    "contacts": (
        PATIENT,
        _col("number", "Number of the attempt"),
        _col("tried_on", "Day of the attempt"),
        _col("way", "Way"),
        _col("tried_by", "Who tried", free_text=True),
        _col("outcome", "Outcome"),
        _col("note", "Note", free_text=True),
        _col("struck_out_reason", "Struck out because", free_text=True),
        _col("recorded_at", "Recorded at (UTC)"),
    ),
    # As in the domains BE (biospecimen events) and BS (biospecimen findings) of the SDTM.
    "samples": (
        PATIENT,
        _col("number", "Number of the sample"),
        _col("sample", "Code of the sample (BSREFID)", "code"),
        _col("visit", "Visit", "visit__code"),
        _col("visit_number", "Number of an unscheduled visit", "visit__number"),
        _col("kind", "Kind of sample in the protocol", "plan"),
        _col("specimen", "Specimen (BSSPEC)"),
        _col("collected", "Collected (BEDTC)"),
        _col("collected_at", "Collected at (UTC)"),
        _col("collected_by", "Collected by", free_text=True),
        _col("not_collected_reason", "Not collected because", free_text=True),
        _col("note", "Note", free_text=True),
        _col("struck_out_reason", "Struck out because", free_text=True),
        _col("recorded_at", "Recorded at (UTC)"),
    ),
    "aliquots": (
        PATIENT,
        _col("sample", "Code of the sample (parent of the aliquot)", "sample__code"),
        _col("number", "Number of the aliquot"),
        _col("aliquot", "Code of the aliquot (BEREFID)", "code"),
        _col("volume_ml", "Volume (BSTESTCD VOLUME, mL)"),
        _col("status", "Status", "state"),
        _col("place", "Place", free_text=True),
    ),
    "sample_events": (
        PATIENT,
        _col("event", "Id of the event", "id"),
        _col("aliquot", "Code of the aliquot (BEREFID)", "aliquot__code"),
        _col("kind", "What was done (BETERM)"),
        _col("moment", "Date and time (BESTDTC)"),
        _col("at", "At (UTC)"),
        _col("place", "Place (BELOC)", free_text=True),
        _col("done_by", "By whom (BEPARTY)", free_text=True),
        _col("condition", "Condition on arrival"),
        _col("reason", "Reason", free_text=True),
        _col("shipment", "Number of the shipment", "shipment__number"),
        _col("reverses", "Id of the event that it reverses", "reverses__id"),
        _col("recorded_at", "Recorded at (UTC)"),
    ),
    "shipments": (
        _col("shipment", "Number of the shipment", "number"),
        _col("destination", "Destination", free_text=True),
        _col("carrier", "Carrier", free_text=True),
        _col("consignment", "Number of the consignment", free_text=True),
        _col("packing", "Packing"),
        _col("logger", "Temperature logger", free_text=True),
        _col("sent", "Sent"),
        _col("sent_at", "Sent at (UTC)"),
        _col("sent_by", "Sent by", free_text=True),
        _col("received", "Received"),
        _col("received_at", "Received at (UTC)"),
        _col("received_by", "Received by", free_text=True),
        _col("receipt_note", "Note on the receipt", free_text=True),
        _col("recorded_at", "Recorded at (UTC)"),
    ),
    "prescreening": (
        _col("number", "Number of the row"),
        _col("considered_on", "Considered on"),
        _col("people", "Number of people"),
        _col("outcome", "Outcome"),
        _col("reason", "Reason"),
        _col("note", "Note", free_text=True),
        _col("struck_out_reason", "Struck out because", free_text=True),
        _col("recorded_at", "Recorded at (UTC)"),
    ),
    "queries": (
        PATIENT,
        _col("query", "Number of the query", "id"),
        _col("about", "Kind of row it is about", "target"),
        _col("about_number", "Number of the adverse event, infusion or contact"),
        _col("visit", "Visit", "about_visit_code"),
        _col("visit_number", "Number of the visit", "about_visit_number"),
        _col("visit_date", "Day of the visit", "about_visit_held_on"),
        _computed(
            "day",
            "Day of the event, infusion, consent, decision or end of study",
            day_of_query,
            "target",
            "fact",
        ),
        _col("form", "Form", "record__form"),
        _col("repeat", "Row of a log", "record__repeat"),
        _col("item", "Item, or fact of the row"),
        _col("row_id", "Id of the row of a table", "row"),
        _col("column", "Column of a table"),
        _computed(
            "value",
            "Value at the export",
            value_of_query,
            *("record__values", "item", "row", "column", "target", "fact"),
            free_text=True,
        ),
        _col("status", "Status", "state"),
        _col("raised_by", "Raised by", "origin"),
        _col("check", "Check", "check_id"),
        _col("question", "Question", "text", free_text=True),
        _col("opened_at", "Opened at (UTC)"),
        _col("closed_at", "Closed at (UTC)"),
        _col("closed_because", "Closed because", free_text=True),
        _computed(
            "closed_code", "Code of why it was closed, when no person says it", code_of, "closed_because"
        ),
    ),
    "unblindings": (
        _col("patient", "Subject code", "patient__code"),
        _col("category", "Category"),
        _col("learned", "What became known"),
        _col("known_to", "Person who knows", "known_to__full_name", free_text=True),
        _col("known_to_name", "Somebody without an account who knows", free_text=True),
        _col("known_since", "Known since"),
        _col("reason", "Reason, or how it became known", free_text=True),
        _col("recorded_by", "Recorded by", "recorded_by__full_name", free_text=True),
        _col("recorded_at", "Recorded at (UTC)"),
    ),
    "masked_results": (
        PATIENT,
        _col("visit", "Visit", "visit__code"),
        _col("visit_number", "Number of the visit", "visit__number"),
        _col("form", "Form"),
        _col("item", "Item"),
        _col("value", "Result", free_text=True),
        _col("missing", "Missing because"),
        _col("entered_by", "Entered by", "entered_by__full_name", free_text=True),
        _col("entered_at", "Entered at (UTC)"),
    ),
    "query_messages": (
        _col("patient", "Subject code", "query__patient__code"),
        _col("query", "Number of the query", "query_id"),
        _col("at", "Said at (UTC)"),
        _col("said_by", "Author", "author__full_name", free_text=True),
        _col("role", "Role at that time", "author_role"),
        _col("text", "Message", free_text=True),
    ),
}
TITLES = {
    "patients": gettext_noop("Patients"),
    "consents": gettext_noop("Consents"),
    "eligibility": gettext_noop("Decisions on eligibility"),
    "visits": gettext_noop("Visits"),
    "infusions": gettext_noop("Infusions"),
    "preparations": gettext_noop("Products of the infusions"),
    "allocation": gettext_noop("Allocation list"),
    "adverse_events": gettext_noop("Adverse events"),
    "deviations": gettext_noop("Protocol deviations"),
    "masked_results": gettext_noop("Masked results"),
    "product_deviations": gettext_noop("Deviations of the product"),
    "contacts": gettext_noop("Contacts"),
    "samples": gettext_noop("Samples"),
    "aliquots": gettext_noop("Aliquots"),
    "sample_events": gettext_noop("Ledger of the aliquots"),
    "shipments": gettext_noop("Shipments"),
    "prescreening": gettext_noop("Pre-screening log"),
    "unblindings": gettext_noop("Unblinding"),
    "queries": gettext_noop("Queries"),
    "query_messages": gettext_noop("Messages of the queries"),
}


def querysets(trial: Trial, *, sees_treatment: bool) -> dict[str, QuerySet[Any]]:
    """Return the rows of each table of the study. Tables that reveal the arm are only for users who may know it."""
    rows: dict[str, QuerySet[Any]] = {
        "patients": Patient.objects.filter(trial=trial).order_by("number"),
        "consents": Consent.objects.filter(patient__trial=trial).order_by(
            "patient__number", "given_at", "pk"
        ),
        "eligibility": EligibilityDecision.objects.filter(patient__trial=trial).order_by(
            "patient__number", "pk"
        ),
        "visits": Visit.objects.filter(patient__trial=trial).order_by(
            "patient__number", "position", "number"
        ),
        "infusions": Infusion.objects.filter(patient__trial=trial).order_by("patient__number", "number"),
        "adverse_events": AdverseEvent.objects.filter(trial=trial).order_by("patient__number", "number"),
        "deviations": Deviation.objects.filter(patient__trial=trial).order_by("patient__number", "number"),
        "contacts": ContactAttempt.objects.filter(patient__trial=trial).order_by("patient__number", "number"),
        "samples": Sample.objects.filter(patient__trial=trial).order_by("patient__number", "number"),
        "aliquots": Aliquot.objects.filter(patient__trial=trial).order_by("patient__number", "code"),
        "sample_events": SampleMovement.objects.filter(patient__trial=trial).order_by(
            "patient__number", "pk"
        ),
        "shipments": Shipment.objects.filter(trial=trial).order_by("number"),
        "prescreening": PrescreeningRow.objects.filter(trial=trial).order_by("number"),
        "unblindings": Unblinding.objects.filter(patient__trial=trial).order_by("patient__number", "pk"),
        "queries": queries_with_rows(trial).order_by("patient__number", "pk"),
        "query_messages": QueryMessage.objects.filter(query__patient__trial=trial).order_by(
            "query__patient__number", "query_id", "pk"
        ),
    }
    if sees_treatment:
        rows["preparations"] = Preparation.objects.filter(patient__trial=trial).order_by(
            "patient__number", "infusion__number"
        )
        rows["masked_results"] = MaskedResult.objects.filter(patient__trial=trial).order_by(
            "patient__number", "visit__position", "visit__number", "form", "item"
        )
        rows["product_deviations"] = ProductDeviation.objects.filter(patient__trial=trial).order_by(
            "patient__number", "number"
        )
        if trial.rules.allocation is not None:
            allocated = AllocationSlot.objects.filter(trial=trial, patient__isnull=False)
            rows["allocation"] = allocated.order_by("stratum", "position")
    return rows


def study_tables(trial: Trial, *, sees_treatment: bool) -> Iterator[StudyTable]:
    """Yield the tables that every trial has."""
    for name, queryset in querysets(trial, sees_treatment=sees_treatment).items():
        columns = COLUMNS[name]
        yield StudyTable(name, TITLES[name], columns, reader_of(queryset, columns), _escaped(columns))


def _escaped(columns: tuple[TableColumn, ...]) -> tuple[str, ...]:
    return tuple(column.name for column in columns if column.free_text)
