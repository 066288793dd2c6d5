"""Pages on which drug safety completes a case, sends it and records the answer. Nobody else opens them (A.8)."""

from functools import partial
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from accounts.sessions.kept_forms import sent_or_kept
from patients.models import Patient
from patients.views.participation import patient_of, step
from safety.authority.answering import record_answer
from safety.authority.authority_forms import (
    AuthorityAnswerForm,
    AuthorityReportForm,
    CaseAnswersForm,
    CaseTermForm,
    CaseTermRemovalForm,
)
from safety.authority.case_parts import meddra_of
from safety.authority.completing import add_term, complete_case, remove_term
from safety.authority.places import missing_of
from safety.authority.reporting import case_to_send, send_to_authority
from safety.authority.shown import shown_authority_reports
from safety.authority.stored import AuthorityCase, CaseTerm
from safety.dictionaries.loading import found
from safety.dictionaries.models import Dictionary, DictionaryTerm
from safety.event_pages import event_address, event_of
from safety.models import AdverseEvent
from safety.sponsor.cases import StaleCase
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.JUDGE_CASE)
def authority(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show what the case needs and where to enter it, its coded terms, and what was sent and answered."""
    event = _event_of(request, code, number)
    return render(request, "safety/authority/case.html", authority_context(request, event))


def authority_context(request: TrialRequest, event: AdverseEvent) -> dict[str, Any]:
    """Return the template context of the page of a case for the authority."""
    reports = shown_authority_reports(event)
    checked = case_to_send(event)
    return {
        "patient": event.patient,
        "event": event,
        "missing": missing_of(event, checked.findings),
        "terms": event.case_terms.filter(removed_reason="").select_related("dictionary"),
        "reports": reports,
        "may_send": event.with_sponsor and not checked.findings,
        **_dictionary_context(request),
    }


def _dictionary_context(request: TrialRequest) -> dict[str, Any]:
    rules = request.trial.rules
    named = f"{Dictionary.Kind.MEDDRA.label} {rules.safety.meddra}" if rules.safety.meddra else ""
    return {"release": named, "dictionary": meddra_of(rules)}


@trial_page(see=P.JUDGE_CASE, change=P.JUDGE_CASE)
def answers(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Enter what E2B(R3) asks of the sponsor and no other page has."""
    event = _event_of(request, code, number)
    row = AuthorityCase.objects.filter(event=event).first() or AuthorityCase(event=event)
    make: Any = partial(CaseAnswersForm, case=row)

    def do(form: CaseAnswersForm) -> bool:
        return _run(form, complete_case, event=event, by=request.user, **form.cleaned_data)

    title = _("Answers of drug safety")
    return _step(request, event, make, do, title=title, action=_("Save the answers"))


@trial_page(see=P.JUDGE_CASE, change=P.JUDGE_CASE)
def term(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Search MedDRA as its name is typed, and give the case one of its terms."""
    event = _event_of(request, code, number)
    typed = sent_or_kept(request)
    chosen = request.GET if typed is None else typed
    context = _dictionary_context(request)
    search = chosen.get("search", event.term if request.GET.get("use") == CaseTerm.Use.EVENT else "")
    terms = _terms(context["dictionary"], search, typed.get("code", "") if typed is not None else "")
    form = CaseTermForm(
        typed,
        trial=request.trial, patient=event.patient, terms=terms, use=chosen.get("use", ""),
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        use = form.cleaned_data["use"]
        if form.run(add_term, event=event, use=use, term=form.term, by=request.user):
            return redirect(event_address(event, "safety:authority"))
    context |= {"patient": event.patient, "event": event, "form": form, "search": search, "terms": terms}
    part = "_terms" if request.headers.get("HX-Request") else "term"
    status = 422 if request.method == "POST" else 200
    return render(request, f"safety/authority/{part}.html", context, status=status)


def _terms(dictionary: Dictionary | None, search: str, sent: str) -> list[DictionaryTerm]:
    """Return the terms found, and the one that was sent."""
    if dictionary is None:
        return []
    terms = list(found(dictionary, search[:200]))
    if sent and all(each.code != sent for each in terms):
        terms += DictionaryTerm.objects.filter(dictionary=dictionary, code=sent[:250])
    return terms


@trial_page(see=P.JUDGE_CASE, change=P.JUDGE_CASE)
def remove(request: TrialRequest, code: str, number: int, row: int) -> HttpResponse:
    """Take a term out of the case, with a reason."""
    event = _event_of(request, code, number)
    coded = get_object_or_404(CaseTerm, event=event, pk=row, removed_reason="")
    coded.event = event

    def do(form: CaseTermRemovalForm) -> bool:
        return _run(form, remove_term, term=coded, by=request.user, **form.cleaned_data)

    title = _("Take out %(term)s") % {"term": coded}
    return _step(request, event, CaseTermRemovalForm, do, title=title, action=_("Take the term out"))


@trial_page(see=P.JUDGE_CASE, change=P.JUDGE_CASE)
def send(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Freeze the case as the next report to the authority."""
    event = _event_of(request, code, number)
    sent = list(event.authority_reports.order_by("number"))
    make: Any = partial(AuthorityReportForm, sent=sent)

    def do(form: AuthorityReportForm) -> bool:
        return _run(form, send_to_authority, event=event, by=request.user, **form.cleaned_data)

    title = _("Follow-up to the authority") if sent else _("Initial report to the authority")
    missing = missing_of(event, case_to_send(event).findings)
    return _step(
        request, event, make, do, title=title, action=_("Freeze as sent"), missing=missing, sending=True
    )


@trial_page(see=P.JUDGE_CASE, change=P.JUDGE_CASE)
def answer(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Record the acknowledgement of the authority from its file."""
    event = _event_of(request, code, number)
    make: Any = partial(AuthorityAnswerForm, files=request.FILES if request.method == "POST" else None)

    def do(form: AuthorityAnswerForm) -> bool:
        return _run(form, record_answer, event=event, file=form.content(), by=request.user)

    title = _("Acknowledgement of the authority")
    return _step(request, event, make, do, title=title, action=_("Record the acknowledgement"))


def _event_of(request: TrialRequest, code: str, number: int) -> AdverseEvent:
    patient: Patient = patient_of(request, code)
    return event_of(request, patient, number)


def _run(form: Any, verb: Any, **arguments: Any) -> bool:
    try:
        return bool(form.run(verb, **arguments))
    except StaleCase:
        form.add_error(None, _("The case was changed while you typed. Read it again, then go on."))
        return False


def _step(
    request: TrialRequest, event: AdverseEvent, make: Any, do: Any, *, title: str, action: str, **context: Any
) -> HttpResponse:
    done = event_address(event, "safety:authority")
    return step(
        request, make, "safety/authority/step.html", do, lambda form: done,
        patient=event.patient, event=event, title=title, action=action, back=done, **context,
    )  # fmt: skip
