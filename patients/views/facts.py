"""The page with the queries on one fact of an event, infusion, consent, decision or end of study."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.sessions.kept_forms import kept_data
from patients.casebook.facts import Fact, patient_of_row
from patients.casebook.item_history import add_threads
from patients.entry.form_page.page_drafts import attach_typed
from patients.models import Patient, Query
from patients.participation.forms import QueryTextForm
from patients.queries import threads
from patients.queries.threads import ORIGINS
from patients.review import fact_marks, fact_verification
from patients.review.undone_marks import undone_fact_words
from patients.views.participation import patient_of, step
from patients.views.query_log import GENERAL, QueryLog
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@dataclass(frozen=True, slots=True)
class FactPanel:
    """The actions that the page of a fact offers to this person; read by the cards of the queries, as on a form."""

    may_close: bool
    may_answer: bool
    may_ask: bool
    editable: bool = False
    typed_for_query: int = 0
    typed_text: str = ""
    refusal: str = ""


def asked_fact(patient: Patient, target: str, key: int, item: str, log: QueryLog = GENERAL) -> Fact:
    """Return a fact of this patient that exists or was asked about. Raises Http404."""
    kind = log.kinds.get(target)
    rows = kind.rows([key]) if kind else []
    if kind is None or not rows or patient_of_row(rows[0]).pk != patient.pk:
        raise Http404
    return Fact(kind, rows[0], item)


@trial_page(see=P.SEE_TRIAL, change=P.RAISE_QUERY)
def fact(request: TrialRequest, code: str, target: str, key: int, item: str) -> HttpResponse:
    """Show the queries on one fact with its value; raise one."""
    patient = patient_of(request, code)
    return show_fact(request, GENERAL, asked_fact(patient, target, key, item))


def show_fact(request: TrialRequest, log: QueryLog, about: Fact) -> HttpResponse:
    """Show the queries of a log on one fact with its value; raise one."""
    patient = about.patient
    queries = list(log.model.objects.filter(**about.place).select_related("opened_by").order_by("-pk"))
    if not about.exists and not queries:
        raise Http404
    add_threads(queries, patient.protocol.rules.trial.site.time_zone)
    for query in queries:
        query.label = about.label
    attach_typed(queries, patient, request.user)
    is_open = any(query.state != Query.State.CLOSED for query in queries)
    raises, refusal = request.access.may(log.raises), about.kind.refusal(about.row)

    def do(form: QueryTextForm) -> bool:
        role = request.access.role.code
        given = {"origin": ORIGINS.get(role, Query.Origin.MONITOR), "by": request.user, "role": role}
        return form.run(threads.raise_fact_query, fact=about, text=form.cleaned_data["text"], **given)

    return step(
        request,
        QueryTextForm,
        "patients/fact.html",
        do,
        lambda form: about.address,
        patient=patient,
        fact=about,
        queries=queries,
        panel=FactPanel(
            may_close=raises,
            may_answer=request.access.may(log.answers),
            may_ask=raises and not is_open and not refusal and about.exists,
        ),
        refusal=refusal if raises else "",
        mark=(mark := fact_marks.newest(about, fact_verification.KIND)),
        undone=undone_fact_words(mark, about),
        reason=(kept_data(request) or QueryDict()).get("reason", ""),
        may_verify=request.access.may(log.verifies),
        trail_url=trail_address(about) if request.access.may(P.SEE_TRAIL) else "",
    )


@trial_page(see=None, change=P.VERIFY)
def withdraw(request: TrialRequest, code: str, target: str, key: int, item: str) -> HttpResponse:
    """Withdraw the source verification of a fact, with the reason."""
    return withdraw_from(request, asked_fact(patient_of(request, code), target, key, item))


def withdraw_from(request: TrialRequest, about: Fact) -> HttpResponse:
    """Withdraw the source verification of a fact, and go to its page."""
    reason = request.POST.get("reason", "")[:2000]
    try:
        fact_verification.withdraw_fact(fact=about, reason=reason, by=request.user)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        messages.success(request, _("The mark is withdrawn; the history keeps it."))
    return redirect(about.address)


def trail_address(fact: Fact) -> str:
    """Return the address of the history of a fact's row in the audit trail."""
    table = fact.row._meta.label_lower
    query = {"form": table, "row": f"{table}:{fact.row.pk}"}
    return reverse("audit:trail", args=[fact.patient.trial.slug], query=query)
