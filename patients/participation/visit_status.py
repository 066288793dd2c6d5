"""Where a form and a visit stand: the lifecycle of DESIGN §4, and what is due. One meaning for every page.

Stages are numbers, so that the least advanced of several is their minimum; SQL and Python count the same.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce

from audit.models import Signature
from patients.models import Patient, Record, Visit
from protocol.document.design import ProtocolVisit as ProtocolVisit
from protocol.document.design import VisitForm
from protocol.document.document import Protocol

STAGES = ("draft", "complete", "verified", "signed", "locked")
DRAFT, COMPLETE, VERIFIED, SIGNED, LOCKED = range(5)
NOT_STARTED, NOT_APPLICABLE, MISSED = "not_started", "not_applicable", "missed"
UNFINISHED = (NOT_STARTED, STAGES[DRAFT])

OPEN_PATIENTS = (Patient.State.SCREENING, Patient.State.ENROLLED)
VALID_SIGNATURE = Signature.objects.filter(
    target_type=Record._meta.label_lower, target_id=OuterRef("pk"), invalidated_at=None
)
# The stage of a row of records, without reading the row.
STAGE = Case(
    When(locked_at__isnull=False, then=Value(LOCKED)),
    When(Exists(VALID_SIGNATURE), then=Value(SIGNED)),
    When(verified_at__isnull=False, then=Value(VERIFIED)),
    When(state=Record.State.COMPLETE, then=Value(COMPLETE)),
    default=Value(DRAFT),
    output_field=IntegerField(),
)


# The version that says which forms a visit has: the one it was held under, else the patient's.
VERSION_OF_VISIT = Coalesce("protocol_id", "patient__protocol_id")


def overdue(today: date) -> Q:
    """Return the visits whose window has passed although nobody said that they were held or missed."""
    return Q(state=Visit.State.PLANNED, window_to__lt=today, patient__state__in=OPEN_PATIENTS)


def due(today: date) -> Q:
    """Return the planned visits whose window is open today."""
    return Q(
        state=Visit.State.PLANNED,
        window_from__lte=today,
        window_to__gte=today,
        patient__state__in=OPEN_PATIENTS,
    )


def forms_at(rules: Protocol, code: str) -> tuple[VisitForm, ...]:
    """Return the forms of a visit by its code; those of an unscheduled visit for any other code."""
    planned = next((visit for visit in rules.visits if visit.code == code), None)
    return planned.forms if planned else rules.unscheduled.forms


def required_at(rules: Protocol, code: str) -> frozenset[str]:
    """Return the codes of the forms that a visit must have."""
    return frozenset(entry.form for entry in forms_at(rules, code) if entry.when == "required")


def visit_stage(required: Collection[str], stages: Mapping[str, int]) -> str:
    """Return where a visit stands: the least advanced of its required forms and of those begun beside them.

    `stages` holds the forms that have a record. A visit that was begun is a draft until every required form
    is complete, so that work under way never looks like work not begun.
    """
    if not stages:
        return NOT_STARTED
    if any(form not in stages for form in required):
        return STAGES[DRAFT]
    return STAGES[min(stages.values())]


def first_unfinished(forms: Iterable[VisitForm], stages: Mapping[str, int]) -> str:
    """Return the form to go to: the first required one that is not complete, else a draft, else the first."""
    entries = list(forms)
    required = (
        each.form for each in entries if each.when == "required" and stages.get(each.form, DRAFT) < COMPLETE
    )
    drafts = (each.form for each in entries if stages.get(each.form) == DRAFT)
    return next(required, None) or next(drafts, None) or (entries[0].form if entries else "")


def visit_standing(
    *, state: str, window: tuple[date | None, date | None], begun: str, open_patient: bool, today: date
) -> tuple[str, list[str]]:
    """Return (state, flags) of a visit's glyph; `begun` is what `visit_stage` says of its forms.

    A held visit with forms left is due, like a visit whose window is open; past the window it is overdue.
    """
    if state == Visit.State.MISSED:
        return MISSED, []
    if state == Visit.State.CANCELLED:
        return (NOT_APPLICABLE if begun == NOT_STARTED else begun), []
    if state == Visit.State.HELD:
        return begun, ["due"] if open_patient and begun in UNFINISHED else []
    if not open_patient:
        return (NOT_APPLICABLE if begun == NOT_STARTED else begun), []
    first, last = window
    if last is not None and last < today:
        return begun, ["overdue"]
    return begun, ["due"] if first is not None and first <= today else []


def nominal_day(rules: Protocol, visit: ProtocolVisit) -> int | None:
    """Return the study day of a visit if everything happens on the planned day; None before inclusion."""
    if visit.anchor == "screening":
        return None
    if visit.anchor == "inclusion":
        return visit.day
    infusion = rules.infusion_visit(int(visit.anchor.removeprefix("infusion_")))
    before = nominal_day(rules, infusion)
    return None if before is None else before + visit.day
