"""The lifecycle stage of forms and visits, and which visits are due or overdue, for every page.

Stages are numbers, so that the least advanced of several is their minimum, in SQL as in Python.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date

from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce

from audit.models import Signature
from patients.models import Consent, Patient, Record, Visit
from patients.participation.death import ended_before_death, is_after_death
from protocol.document.design import ProtocolVisit as ProtocolVisit
from protocol.document.design import VisitForm
from protocol.document.document import Protocol

STAGES = ("draft", "complete", "verified", "signed", "locked")
DRAFT, COMPLETE, VERIFIED, SIGNED, LOCKED = range(5)
NOT_STARTED, NOT_APPLICABLE, MISSED = "not_started", "not_applicable", "missed"
UNFINISHED = (NOT_STARTED, STAGES[DRAFT])

# Consent withdrawn for follow-up, or for any new data: no visit takes place after that day.
ENDS_VISITS = ("follow_up_withdrawn_on", "data_withdrawn_on")
OPEN_PATIENTS = (Patient.State.SCREENING, Patient.State.ENROLLED)
VALID_SIGNATURE = Signature.objects.filter(
    target_type=Record._meta.label_lower, target_id=OuterRef("pk"), invalidated_at=None
)
# The stage of a record as an SQL expression, for queries that count forms without reading them.
# The most advanced stage comes first: a locked form may be signed and verified as well.
STAGE = Case(
    When(locked_at__isnull=False, then=Value(LOCKED)),
    When(Exists(VALID_SIGNATURE), then=Value(SIGNED)),
    When(verified_at__isnull=False, then=Value(VERIFIED)),
    When(state=Record.State.COMPLETE, then=Value(COMPLETE)),
    default=Value(DRAFT),
    output_field=IntegerField(),
)


# The protocol version that defines the forms of a visit: the one it was held under, else the patient's.
VERSION_OF_VISIT = Coalesce("protocol_id", "patient__protocol_id")


def can_be_held(died_on: str | None) -> Q:
    """Return the condition for planned visits that the patient can still have: alive, and with consent to visits.

    The window of a visit has to end before the day of death: until then it was not overdue, and after it nobody holds
    it. died_on: the item of the protocol's profile that states the death, `form.item`.
    """
    found = ended_before_death(died_on)
    for name in ENDS_VISITS:
        day = f"patient__{name}"
        found &= Q(**{f"{day}__isnull": True}) | Q(window_from__lte=F(day))
    return found


def _takes_place(died_on: str | None) -> Q:
    """Return the condition for visits that take place: until the end of study, the death, or withdrawn consent to them.

    Before the first consent nothing can be entered, so that no visit of screening waits.
    """
    consents = Consent.objects.filter(patient=OuterRef("patient")).not_in_error()
    ended, death = Q(patient__state=Patient.State.ENDED), Q(patient__end_reason=Patient.EndReason.DEATH)
    found = Q(patient__state=Patient.State.ENROLLED)
    found |= Q(Exists(consents), patient__state=Patient.State.SCREENING)
    found |= ended & ~death & Q(window_from__lte=F("patient__ended_on"))
    found |= ended & death & Q(window_to__lt=F("patient__ended_on"))
    return found & can_be_held(died_on)


def overdue(today: date, died_on: str | None) -> Q:
    """Return the condition for overdue visits: the window has passed, and they are neither held nor missed.

    died_on: as for `can_be_held`.
    """
    return Q(state=Visit.State.PLANNED, window_to__lt=today) & _takes_place(died_on)


def due(today: date, died_on: str | None) -> Q:
    """Return the condition for due visits: planned, with a window that is open today. died_on: as for `can_be_held`."""
    return Q(state=Visit.State.PLANNED, window_from__lte=today, window_to__gte=today) & _takes_place(died_on)


def last_day_of(patient: Patient) -> date | None:
    """Return the last day on which visits take place: end of study, or consent to them withdrawn; None without."""
    if patient.state == Patient.State.SCREEN_FAILED:
        return None
    days = [getattr(patient, name) for name in ("ended_on", *ENDS_VISITS)]
    return min((day for day in days if day is not None), default=None)


def begins_after(first: date | None, last_day: date | None) -> bool:
    """Return whether a window begins after the last day on which visits take place, or never."""
    return last_day is not None and (first is None or first > last_day)


def waits_for_consent(patient: Patient, consented: Callable[[], bool]) -> bool:
    """Return whether nothing can be entered because nobody consented yet. consented is called only in screening."""
    return patient.state == Patient.State.SCREENING and not consented()


def forms_at(rules: Protocol, code: str) -> tuple[VisitForm, ...]:
    """Return the forms of a visit by its code; for an unknown code those of an unscheduled visit."""
    planned = next((visit for visit in rules.visits if visit.code == code), None)
    return planned.forms if planned else rules.unscheduled.forms


def required_at(rules: Protocol, code: str, given: Collection[int] = ()) -> frozenset[str]:
    """Return the codes of the required forms of a visit. given: numbers of the infusions given to the patient."""
    return frozenset(entry.form for entry in forms_at(rules, code) if entry.is_required(given))


def required_of(patient: Patient, rules: Protocol, code: str, day: date | None) -> frozenset[str]:
    """Return the required forms of a visit on a day that the patient's consent still allows."""
    required = required_at(rules, code, patient.given_infusions)
    return frozenset(form for form in required if patient.allows_form(rules.form(form), day))


def visit_stage(required: Collection[str], stages: Mapping[str, int]) -> str:
    """Return the stage of a visit: the least advanced of its required forms and of any other begun form.

    `stages` holds the stages of the forms that have a record. A begun visit is a draft until every required form is
    complete, so that work in progress is never shown as not started.
    """
    if not stages:
        return NOT_STARTED
    for form in required:
        if form not in stages:
            return STAGES[DRAFT]
    return STAGES[min(stages.values())]


def first_unfinished(
    forms: Iterable[VisitForm], stages: Mapping[str, int], given: Collection[int] = ()
) -> str:
    """Return the code of the form to enter next: the first required one not complete, else a draft, else the first.

    given: numbers of the infusions given to the patient.
    """
    first = draft = ""
    for each in forms:
        stage = stages.get(each.form)
        if each.is_required(given) and (stage is None or stage < COMPLETE):
            return each.form
        if stage == DRAFT:
            draft = draft or each.form
        first = first or each.form
    return draft or first


def visit_status(
    *,
    state: str,
    window: tuple[date | None, date | None],
    begun: str,
    open_patient: bool,
    today: date,
    last_day: date | None = None,
    died: str = "",
    is_open: bool = True,
) -> tuple[str, list[str]]:
    """Return (state, flags) of a visit's glyph; `begun` is the result of `visit_stage`.

    Due: a held visit with required forms left, or a planned one whose window is open. Overdue: a planned visit
    whose window has passed. Visits that begin after `last_day` (`last_day_of`), or whose window had not ended before
    the death (`died`: `last_day_of_life`), do not take place. Nothing waits at a visit at which nothing can be entered
    yet (`is_open` is False: `waits_for_consent`).
    """
    if state == Visit.State.MISSED:
        return MISSED, []
    if state == Visit.State.CANCELLED:
        return (NOT_APPLICABLE if begun == NOT_STARTED else begun), []
    if not is_open:
        return begun, []
    if state == Visit.State.HELD:
        return begun, ["due"] if open_patient and begun in UNFINISHED else []
    first, last = window
    gone = begins_after(first, last_day) or is_after_death(last, died)
    if gone or (last_day is None and not open_patient):
        return (NOT_APPLICABLE if begun == NOT_STARTED else begun), []
    if last is not None and last < today:
        return begun, ["overdue"]
    return begun, ["due"] if first is not None and first <= today else []


def nominal_day(rules: Protocol, visit: ProtocolVisit) -> int | None:
    """Return the study day of a visit if everything happens on the planned day; None for a screening visit."""
    if visit.anchor == "screening":
        return None
    if visit.anchor == "inclusion":
        return visit.day
    infusion = rules.infusion_visit(int(visit.anchor.removeprefix("infusion_")))
    before = nominal_day(rules, infusion)
    return None if before is None else before + visit.day
