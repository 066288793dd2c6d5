"""Tables of the study in an export, and their columns."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from audit.stored_text import code_of
from dosing.models import AllocationSlot, Infusion, Preparation, ProductDeviation, Unblinding
from exports.tables.columns import PATIENT, StudyTable, TableColumn, column, reader_of
from exports.tables.events import EVENT_TABLES, EVENT_TITLES, event_rows
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
from trials.models import Trial


def _computed(
    name: str, label: str, function: Callable[..., Any], *sources: str, free_text: bool = False
) -> TableColumn:
    """Return a column that `function` computes from the values at its sources, as the model has them."""
    return TableColumn(name, "", label, free_text, sources, function)


def _changed_ids(changes: Any) -> str:
    """Return the criteria, group and items of the stratum that would be judged otherwise now."""
    return " ".join(str(change["id"]) for change in changes)


def _deviation_columns(numbered: str) -> tuple[TableColumn, ...]:
    """Return the columns of a log of deviations; both have the same."""
    return (
        PATIENT,
        column("number", f"Number: {numbered}"),
        column("category", "What it concerns"),
        column("found_at", "Kind of place it was found at; empty if entered by hand", "place"),
        column("found_at_key", "Visit, number of the infusion or event, criterion, or form", "place_key"),
        column("occurred_on", "Happened on (ISO 8601 prefix)"),
        column("detected_on", "Noticed on"),
        column("description", "What happened", free_text=True),
        _computed(
            "description_code", "Code of what happened, when no person wrote it", code_of, "description"
        ),
        column("classification", "Classification"),
        column("classified_by", "Classified by", "classified_by__full_name", free_text=True),
        column("classified_at", "Classified at (UTC)"),
        column("action_taken", "Action taken", free_text=True),
        column("reported_on", "Reported to the sponsor on"),
        column("amended_at", "Text amended by a person at (UTC)"),
        column("place_corrected", "The place was corrected since: a person has to look", free_text=True),
        column("struck_out_reason", "Struck out because", free_text=True),
        column("after_lock_reason", "Entered after the lock because", free_text=True),
        column("recorded_at", "Recorded at (UTC)"),
    )


COLUMNS: dict[str, tuple[TableColumn, ...]] = {
    "patients": (
        column("patient", "Subject code", "code"),
        column("status", "Status", "state"),
        column("protocol_version", "Protocol version", "protocol__version"),
        column("reconsent_version", "Version of the consent form to sign again"),
        column("screened_on", "Day of screening"),
        column("group", "Group"),
        column("included_on", "Day of inclusion", "enrolled_on"),
        column("first_infusion_on", "Day of the first infusion"),
        column("screen_failure_on", "Day of screen failure", "failed_on"),
        column("screen_failure_reason", "Reason for screen failure", "failure_reason", free_text=True),
        column("study_ended_on", "End of study", "ended_on"),
        column("end_reason", "Reason for the end of study"),
        column("end_note", "Note on the end of study", free_text=True),
        column("treatment_withdrawn_on", "Consent withdrawn for the treatment"),
        column("samples_withdrawn_on", "Consent withdrawn for samples"),
        column("follow_up_withdrawn_on", "Consent withdrawn for follow-up"),
        column("data_withdrawn_on", "Consent withdrawn for new data"),
        column("withdrawal_note", "Withdrawal in the patient's words", free_text=True),
    ),
    "consents": (
        PATIENT,
        column("given_by", "Consent given by", "type"),
        column("version", "Version of the consent form"),
        column("given", "Date and time of consent"),
        column("capacity_regained_on", "Day on which the patient could decide again"),
        column("obtained_by", "Consent obtained by", free_text=True),
        column("representative_relation", "Relation of the representative", free_text=True),
        column("struck_out_reason", "Entered in error because", free_text=True),
        column("recorded_at", "Recorded at (UTC)"),
    ),
    "eligibility": (
        PATIENT,
        column("decided_at", "Decided at (UTC)"),
        column("decided_by", "Decided by", "decided_by__full_name", free_text=True),
        column("inclusion_on", "Intended day of inclusion"),
        column("conclusion", "Conclusion"),
        column("group", "Group"),
        column("protocol_version", "Protocol version", "protocol__version"),
        _computed("changes", "What would be judged otherwise now", _changed_ids, "changes"),
        column("changed_at", "Rests on changed inputs since (UTC)"),
    ),
    "visits": (
        PATIENT,
        column("visit", "Visit", "code"),
        column("number", "Number of an unscheduled visit"),
        column("status", "Status", "state"),
        column("protocol_version", "Protocol version it was held under", "protocol__version"),
        column("planned_on", "Planned day"),
        column("window_from", "First day of the window"),
        column("window_to", "Last day of the window"),
        column("held_on", "Day of the visit"),
        column("missed_reason", "Reason for a missed visit", free_text=True),
        column("reason", "Reason for an unscheduled visit", free_text=True),
    ),
    "infusions": (
        PATIENT,
        column("infusion", "Infusion number", "number"),
        column("kit", "Kit number", "kit__number"),
        column("status", "Status", "state"),
        column("planned_on", "Planned day"),
        column("window_from", "First day of the window"),
        column("window_to", "Last day of the window"),
        column("window_opens_at", "Window opens at (UTC), if it is in hours"),
        column("window_closes_at", "Window closes at (UTC), if it is in hours"),
        column("weight_asked", "Weight asked (the dose depends on it)"),
        column("weight_kg", "Weight of the day (kg)"),
        column("weight_measured", "Weight measured at"),
        column("weight_confirmation", "How an unlikely weight was made sure of", free_text=True),
        column("started", "Start"),
        column("ended", "End"),
        column("volume_ml", "Volume infused (mL)"),
        column("interrupted", "Interrupted (Y/N)"),
        column("interruption_reason", "Reason for the interruption", free_text=True),
        column("premedication", "Premedication", free_text=True),
        column("tolerated", "Well tolerated (Y/N)"),
        column("tolerance_note", "What was not tolerated", free_text=True),
        column("timing_deviation_reason", "Reason for the timing", free_text=True),
        column("not_given_reason", "Reason it was not given", free_text=True),
    ),
    "preparations": (
        PATIENT,
        column("infusion", "Infusion number", "infusion__number"),
        column("donor_code", "Donor code", free_text=True),
        column("lot", "Lot", free_text=True),
        column("bag", "Bags", free_text=True),
        column("viable_cells", "Viable cells given"),
        column("viability_percent", "Viability (%)"),
        column("thawed", "Thawed at"),
        column("dose_basis", "Basis of the dose"),
        column("dose_measure", "Kg or m² of the basis; 1 for a fixed number of cells"),
        column("cells_per_kg", "Viable cells per kg"),
        column("dose_finding", "Dose compared with the protocol"),
        column("dose_deviation_reason", "Reason for the dose", free_text=True),
        column("donor_deviation_reason", "Reason for another donor", free_text=True),
    ),
    "allocation": (
        column("stratum", "Stratum", free_text=True),
        column("position", "Position in the list"),
        column("block", "Block"),
        column("arm", "Arm"),
        PATIENT,
        column("taken_at", "Taken at (UTC)"),
    ),
    **EVENT_TABLES,
    "deviations": _deviation_columns("D-1, D-2 … in each patient"),
    "product_deviations": _deviation_columns("P-1, P-2 … in each patient"),
    "contacts": (
        PATIENT,
        column("number", "Number of the attempt"),
        column("tried_on", "Day of the attempt"),
        column("way", "Way"),
        column("tried_by", "Who tried", free_text=True),
        column("outcome", "Outcome"),
        column("note", "Note", free_text=True),
        column("struck_out_reason", "Struck out because", free_text=True),
        column("recorded_at", "Recorded at (UTC)"),
    ),
    # As in the domains BE (biospecimen events) and BS (biospecimen findings) of the SDTM.
    "samples": (
        PATIENT,
        column("number", "Number of the sample"),
        column("sample", "Code of the sample (BSREFID)", "code"),
        column("visit", "Visit", "visit__code"),
        column("visit_number", "Number of an unscheduled visit", "visit__number"),
        column("kind", "Kind of sample in the protocol", "plan"),
        column("specimen", "Specimen (BSSPEC)"),
        column("collected", "Collected (BEDTC)"),
        column("collected_at", "Collected at (UTC)"),
        column("collected_by", "Collected by", free_text=True),
        column("not_collected_reason", "Not collected because", free_text=True),
        column("note", "Note", free_text=True),
        column("struck_out_reason", "Struck out because", free_text=True),
        column("recorded_at", "Recorded at (UTC)"),
    ),
    "aliquots": (
        PATIENT,
        column("sample", "Code of the sample (parent of the aliquot)", "sample__code"),
        column("number", "Number of the aliquot"),
        column("aliquot", "Code of the aliquot (BEREFID)", "code"),
        column("volume_ml", "Volume (BSTESTCD VOLUME, mL)"),
        column("status", "Status", "state"),
        column("place", "Place", free_text=True),
    ),
    "sample_events": (
        PATIENT,
        column("event", "Id of the event", "id"),
        column("aliquot", "Code of the aliquot (BEREFID)", "aliquot__code"),
        column("kind", "What was done (BETERM)"),
        column("moment", "Date and time (BESTDTC)"),
        column("at", "At (UTC)"),
        column("place", "Place (BELOC)", free_text=True),
        column("done_by", "By whom (BEPARTY)", free_text=True),
        column("condition", "Condition on arrival"),
        column("reason", "Reason", free_text=True),
        column("shipment", "Number of the shipment", "shipment__number"),
        column("reverses", "Id of the event that it reverses", "reverses__id"),
        column("recorded_at", "Recorded at (UTC)"),
    ),
    "shipments": (
        column("shipment", "Number of the shipment", "number"),
        column("destination", "Destination", free_text=True),
        column("carrier", "Carrier", free_text=True),
        column("consignment", "Number of the consignment", free_text=True),
        column("packing", "Packing"),
        column("logger", "Temperature logger", free_text=True),
        column("sent", "Sent"),
        column("sent_at", "Sent at (UTC)"),
        column("sent_by", "Sent by", free_text=True),
        column("received", "Received"),
        column("received_at", "Received at (UTC)"),
        column("received_by", "Received by", free_text=True),
        column("receipt_note", "Note on the receipt", free_text=True),
        column("recorded_at", "Recorded at (UTC)"),
    ),
    "prescreening": (
        column("number", "Number of the row"),
        column("considered_on", "Considered on"),
        column("people", "Number of people"),
        column("outcome", "Outcome"),
        column("reason", "Reason"),
        column("note", "Note", free_text=True),
        column("struck_out_reason", "Struck out because", free_text=True),
        column("recorded_at", "Recorded at (UTC)"),
    ),
    "queries": (
        PATIENT,
        column("query", "Number of the query", "id"),
        column("about", "Kind of row it is about", "target"),
        column("about_number", "Number of the adverse event, infusion or contact"),
        column("visit", "Visit", "about_visit_code"),
        column("visit_number", "Number of the visit", "about_visit_number"),
        column("visit_date", "Day of the visit", "about_visit_held_on"),
        _computed(
            "day",
            "Day of the event, infusion, consent, decision or end of study",
            day_of_query,
            "target",
            "fact",
        ),
        column("form", "Form", "record__form"),
        column("repeat", "Row of a log", "record__repeat"),
        column("item", "Item, or fact of the row"),
        column("row_id", "Id of the row of a table", "row"),
        column("column", "Column of a table"),
        _computed(
            "value",
            "Value at the export",
            value_of_query,
            *("record__values", "item", "row", "column", "target", "fact"),
            free_text=True,
        ),
        column("status", "Status", "state"),
        column("raised_by", "Raised by", "origin"),
        column("check", "Check", "check_id"),
        column("question", "Question", "text", free_text=True),
        column("opened_at", "Opened at (UTC)"),
        column("closed_at", "Closed at (UTC)"),
        column("closed_because", "Closed because", free_text=True),
        _computed(
            "closed_code", "Code of why it was closed, when no person says it", code_of, "closed_because"
        ),
    ),
    "unblindings": (
        column("patient", "Subject code", "patient__code"),
        column("category", "Category"),
        column("learned", "What became known"),
        column("known_to", "Person who knows", "known_to__full_name", free_text=True),
        column("known_to_name", "Somebody without an account who knows", free_text=True),
        column("known_since", "Known since"),
        column("reason", "Reason, or how it became known", free_text=True),
        column("recorded_by", "Recorded by", "recorded_by__full_name", free_text=True),
        column("recorded_at", "Recorded at (UTC)"),
    ),
    "query_messages": (
        column("patient", "Subject code", "query__patient__code"),
        column("query", "Number of the query", "query_id"),
        column("at", "Said at (UTC)"),
        column("said_by", "Author", "author__full_name", free_text=True),
        column("role", "Role at that time", "author_role"),
        column("text", "Message", free_text=True),
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
    **EVENT_TITLES,
    "deviations": gettext_noop("Protocol deviations"),
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
        **event_rows(trial),
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
