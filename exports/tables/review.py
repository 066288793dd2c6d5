"""Tables of judgement and review: results of the criteria, signatures, source verification and medical review."""

from typing import Any

from django.db.models import Case, OuterRef, QuerySet, Subquery, When
from django.utils.translation import gettext_noop

from audit.models import Signature
from audit.stored_text import code_of
from audit.trail_reading.sources import hidden_signatures
from exports.tables.columns import PATIENT, TableColumn, col, computed, several
from exports.tables.product import undone_because, undone_by
from exports.tables.queries import number_of_target
from patients.models import EligibilityDecision, Mark, Patient, Record
from protocol.checking.dictionary import missing_in_files
from protocol.values.labels import is_missing
from trials.models import Trial
from trials.permissions import Permission

ALLOWS = {True: "Y", False: "N"}
OF_RECORD = {"about_form": "form", "about_visit": "visit__code", "about_visit_number": "visit__number",
             "about_repeat": "repeat"}  # fmt: skip


def _part(name: str) -> Any:
    return lambda criteria: [str(each[name] or "") for each in criteria]


def _allows(criteria: Any) -> list[str]:
    return [ALLOWS.get(each["allows"], "") for each in criteria]


def _needs(criteria: Any) -> list[str]:
    return [" ".join(map(str, each["needs"])) for each in criteria]


def _inputs(criteria: Any) -> list[str]:
    """Return the inputs of each criterion: `demography.age=54; demography.sex=F`."""
    return [
        "; ".join(f"{name}={_text(value)}" for name, value in each["inputs"].items()) for each in criteria
    ]


def _text(value: Any) -> str:
    if is_missing(value):
        return missing_in_files(value["missing"])
    return "" if value is None else str(value)


COLUMNS: dict[str, tuple[TableColumn, ...]] = {
    "criteria": (
        PATIENT,
        col("decision", "Key of the decision", "id"),
        col("decided_at", "Decided at (UTC)"),
        several("criterion", "Criterion", _part("id"), "criteria"),
        several("kind", "Inclusion or exclusion", _part("kind"), "criteria"),
        several("allows", "Allows the inclusion (Y/N); empty if undetermined", _allows, "criteria"),
        several("needs", "Answers that were missing to judge it", _needs, "criteria"),
        several("inputs", "What it was judged by", _inputs, "criteria", free_text=True),
        several("deferred_until", "Judged later, on this day", _part("deferred_until"), "criteria"),
    ),
    "signatures": (
        col("patient", "Subject code", "of_patient"),
        col("about", "Table of the row that was signed", "target_type"),
        col("about_row", "Key of the row", "target_id"),
        col("form", "Form", "about_form"),
        col("visit", "Visit", "about_visit"),
        col("visit_number", "Number of the visit", "about_visit_number"),
        col("repeat", "Row of a log", "about_repeat"),
        col("meaning", "Meaning"),
        col("signer", "User name", "signer_name"),
        col("printed_name", "Name as it was printed", free_text=True),
        col("role", "Role at that time"),
        col("signed_at", "Signed at (UTC)"),
        col("zone", "Time zone of the site"),
        col("statement", "Statement as it was shown", free_text=True),
        col("language", "Language of the statement"),
        col("content_hash", "SHA-256 of the content that was signed"),
        col("manifest_hash", "SHA-256 of who signed it, when, as what and with which statement"),
        col("invalidated_at", "Invalidated at (UTC); empty while it is valid"),
        col("invalidated_by", "Invalidated by a change of", free_text=True),
        col("invalidated_reason", "Invalidated because", free_text=True),
        computed(
            "invalidated_code", "Code of that reason, when no person wrote it", code_of, "invalidated_reason"
        ),
    ),
    "verification": (
        PATIENT,
        col("about", "Kind of row it is on", "target"),
        col("about_row", "Key of the row outside the forms", "target_id"),
        col("about_number", "Number of the adverse event, infusion, contact or sample"),
        col("form", "Form", "record__form"),
        col("visit", "Visit", "record__visit__code"),
        col("visit_number", "Number of the visit", "record__visit__number"),
        col("repeat", "Row of a log", "record__repeat"),
        col("item", "Item or fact; empty for the whole form or row"),
        col("mark", "Mark", "kind"),
        col("marked_by", "Marked by", "by__full_name", free_text=True),
        col("role", "Role at that time"),
        col("marked_at", "Marked at (UTC)", "at"),
        col("undone_at", "Undone at (UTC); empty while it stands"),
        computed("undone_by", "Undone by a change of", undone_by, "undone", free_text=True),
        computed("undone_because", "Reason of that change", undone_because, "undone", free_text=True),
    ),
}
TITLES = {
    "criteria": gettext_noop("Results of the criteria"),
    "signatures": gettext_noop("Signatures"),
    "verification": gettext_noop("Source verification and medical review"),
}


def querysets(trial: Trial, *, sees_treatment: bool) -> dict[str, QuerySet[Any]]:
    """Return the rows of each table. Signatures on rows of the product are only for who may know the treatment."""
    form = Record.objects.filter(pk=OuterRef("target_id")).order_by()
    patient = Patient.objects.filter(pk=OuterRef("patient_id")).order_by()
    signatures = Signature.objects.filter(trial_id=trial.pk).exclude(
        target_type__in=hidden_signatures({Permission.SEE_TREATMENT} if sees_treatment else set())
    )
    # Keys of other tables are the same numbers: only a signature on a form has a form.
    of_record = {
        name: Case(When(target_type=Record._meta.label_lower, then=Subquery(form.values(path))), default=None)
        for name, path in OF_RECORD.items()
    }
    return {
        "criteria": EligibilityDecision.objects.filter(patient__trial=trial).order_by(
            "patient__number", "pk"
        ),
        "signatures": signatures.annotate(of_patient=Subquery(patient.values("code")), **of_record).order_by(
            "pk"
        ),
        "verification": Mark.objects.filter(patient__trial=trial)
        .annotate(about_number=number_of_target())
        .order_by("patient__number", "pk"),
    }
