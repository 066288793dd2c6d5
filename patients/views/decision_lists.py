"""The listings of consents and of decisions on eligibility, from which queries can be raised in bulk."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from audit.models import Signature
from patients.models import Consent, EligibilityDecision, Query
from patients.queries.decision_filters import ConsentFilter, DecisionFilter
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing, Selection, choice_text
from trials.permissions import Permission as P
from trials.reader import shown_moment

OPEN_QUERY = Column(
    name="open_query", label=pgettext_lazy("status", "Open query"), value=lambda row: row.has_open_query
)
PATIENT = Column(
    name="patient",
    label=gettext_lazy("Patient"),
    value=lambda row: row.patient.code,
    css="code",
    sort=("patient_id",),
)


def _status(row: Consent) -> str:
    return "struck_out" if row.struck_out_reason else "valid"


def _status_words(row: Consent) -> str:
    return _("Entered in error") if row.struck_out_reason else _("Valid")


# Not the name of a representative: it identifies a person.
CONSENT_COLUMNS = (
    PATIENT,
    Column(name="given", label=gettext_lazy("Given on"), value=lambda row: row.given, sort=("given_at",), css="nowrap",
           text=lambda row: shown_moment(row.given)),
    Column(name="given_by", label=gettext_lazy("Given by"), value=lambda row: row.type,
           text=choice_text(Consent, "type")),
    Column(name="version", label=gettext_lazy("Version of the form"), value=lambda row: row.version),
    Column(name="obtained_by", label=gettext_lazy("Obtained by"), value=lambda row: row.obtained_by, free_text=True),
    Column(name="relation", label=gettext_lazy("Relation to the patient"),
           value=lambda row: row.representative_relation, free_text=True, on_page=False),
    Column(name="capacity_regained_on", label=gettext_lazy("Capacity regained on"),
           value=lambda row: row.capacity_regained_on),
    Column(name="status", decides=True, label=gettext_lazy("Status"), value=_status, text=_status_words),
    Column(name="recorded_at", label=gettext_lazy("Recorded"), value=lambda row: row.recorded_at,
           sort=("recorded_at",), css="nowrap"),
    OPEN_QUERY,
)  # fmt: skip
DECISION_COLUMNS = (
    PATIENT,
    Column(name="decided_at", label=gettext_lazy("Decided"), value=lambda row: row.decided_at, sort=("decided_at",),
           css="nowrap"),
    Column(name="decided_by", label=gettext_lazy("Decided by"), value=lambda row: row.decided_by.full_name),
    Column(name="conclusion", decides=True, label=gettext_lazy("Conclusion"), value=lambda row: row.conclusion,
           sort=("conclusion",), text=choice_text(EligibilityDecision, "conclusion")),
    Column(name="group", label=gettext_lazy("Group"), value=lambda row: row.group),
    Column(name="inclusion_on", label=gettext_lazy("Intended day of inclusion"), value=lambda row: row.inclusion_on),
    Column(name="signed", label=gettext_lazy("Signature valid"), value=lambda row: row.is_signed),
    Column(name="changed_at", label=gettext_lazy("Inputs changed"), value=lambda row: row.changed_at,
           css="nowrap"),
    OPEN_QUERY,
)  # fmt: skip


@trial_page(see=P.SEE_TRIAL)
def consents(request: TrialRequest) -> HttpResponseBase:
    """List the consents of the trial, also those struck out, without the name of a representative."""
    rows = Consent.objects.visible_to(request.user).filter(patient__trial=request.trial)
    return _listing(
        request,
        _asked(rows.defer("representative_name"), Query.Target.CONSENT),
        CONSENT_COLUMNS,
        ConsentFilter,
        asking=_asking(request, Query.Target.CONSENT, lambda row: not row.struck_out_reason),
        page="patients:consent",
        name="consents",
    )


@trial_page(see=P.SEE_TRIAL)
def decisions(request: TrialRequest) -> HttpResponseBase:
    """List the decisions on eligibility of the trial, also earlier ones of the same patient."""
    rows = EligibilityDecision.objects.visible_to(request.user).filter(patient__trial=request.trial)
    valid = Signature.objects.filter(
        target_type=EligibilityDecision._meta.label_lower, target_id=OuterRef("pk"), invalidated_at=None
    )
    rows = _asked(rows, Query.Target.ELIGIBILITY).annotate(is_signed=Exists(valid))
    return _listing(
        request,
        rows.select_related("decided_by").defer("criteria", "strata", "changes"),
        DECISION_COLUMNS,
        DecisionFilter,
        asking=_asking(request, Query.Target.ELIGIBILITY, lambda row: True),
        page="patients:eligibility",
        name="decisions",
    )


def _asked(rows: QuerySet[Any], target: str) -> QuerySet[Any]:
    asked = Query.objects.filter(target=target, target_id=OuterRef("pk"), state__in=Query.OPEN_STATES)
    return rows.select_related("patient").annotate(has_open_query=Exists(asked))


def _asking(request: TrialRequest, target: str, allowed: Any) -> Selection | None:
    if not request.access.may(P.RAISE_QUERY):
        return None
    url = reverse("patients:facts-ask", args=[request.trial.slug, target])
    return Selection(url=url, label=gettext_lazy("Raise queries"), allowed=allowed)


def _listing(
    request: TrialRequest,
    rows: QuerySet[Any],
    columns: Sequence[Column],
    filters: Any,
    *,
    asking: Selection | None,
    page: str,
    name: str,
) -> HttpResponseBase:
    listing = Listing(
        request,
        queryset=rows,
        columns=tuple(columns),
        sort="patient",
        filterset=filters(request.GET, queryset=rows, trial=request.trial),
        row_url=lambda row: reverse(page, args=[request.trial.slug, row.patient.code]),
        selection=asking,
        name=name,
        empty=gettext_lazy("Nothing is recorded yet."),
    )
    return listing.response("patients/decision_lists.html", {"shown": name})
