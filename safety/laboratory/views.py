"""Pages of laboratory results that may be adverse events: listings, decisions in bulk, the event of one (LAB-06)."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_post_parameters

from accounts.addresses import address
from accounts.sessions.kept_forms import sent_or_kept
from patients.casebook.navigation import form_address
from patients.models import Patient
from patients.views.participation import patient_of
from safety import views
from safety.laboratory import wording
from safety.laboratory.candidates import Candidate, CandidateList, candidates_of
from safety.laboratory.columns import columns
from safety.laboratory.deciding import Decided, decide_results
from safety.laboratory.filters import CandidateFilter, that_pass
from safety.laboratory.forms import ResultDecisionForm, ResultEventForm
from safety.laboratory.models import LaboratoryDecision
from safety.laboratory.results import results_of
from safety.models import AdverseEvent
from trials.access import TrialRequest, trial_page
from trials.listing import Selection
from trials.listing.computed import ComputedListing
from trials.permissions import Permission as P

AT_ONCE = 100
KEY = re.compile(r"([0-9]{1,18})\.[a-z0-9_]{1,80}\.[0-9]{1,2}\.[0-9a-f]{16}", re.ASCII)


def result_address(slug: str, candidate: Candidate) -> str:
    """Return the address of the form that holds a result, at its field."""
    place, name = candidate.result.place, candidate.result.item.name
    if place.visit is None:
        form = form_address(place.patient, place.form.code, None, place.repeat, slug=slug)
    else:
        # A visit object for each of a thousand results would take longer than their addresses.
        code, number = place.visit
        key = code if number == 1 else f"{code}-{number}"
        form = address("patients:form", slug, place.patient.code, key, place.form.code)
    return f"{form}?field={name}#{name}"


@trial_page(see=P.SEE_TRIAL)
def listing(request: TrialRequest) -> HttpResponseBase:
    """List the results of all patients that have a grade. An investigator selects results to decide on."""
    patients = Patient.objects.visible_to(request.user).filter(trial=request.trial).order_by("code")
    found = candidates_of(request.trial, list(patients.select_related("trial", "protocol")))
    return _page(request, found).response("safety/laboratory/listing.html", {"found": found})


@trial_page(see=P.SEE_TRIAL)
def of_patient(request: TrialRequest, code: str) -> HttpResponseBase:
    """List one patient's results that have a grade, and those that cannot be graded with the reason (LAB-03)."""
    patient = patient_of(request, code)
    found = candidates_of(request.trial, [patient])
    ungraded = [
        (wording.item_title(each.item), each.term, each.reason.sentence(_), each.number)
        for each in found.ungraded
    ]
    context = {"patient": patient, "found": found, "ungraded": ungraded}
    return _page(request, found, patient).response("safety/laboratory/of_patient.html", context)


def _page(request: TrialRequest, found: CandidateList, patient: Patient | None = None) -> ComputedListing:
    slug, none = request.trial.slug, LaboratoryDecision.objects.none()
    deciding = Selection(
        url=reverse("safety:laboratory-decide", args=[slug]),
        label=gettext_lazy("Decide and sign"),
        name="result",
    )
    shown = columns(slug, may_report=request.access.may(P.REPORT_EVENT), with_patient=patient is None)
    return ComputedListing(
        request,
        queryset=none,
        columns=shown,
        sort=shown[0].name,
        filterset=CandidateFilter(
            request.GET, queryset=none, lines=found.candidates, of_patient=patient is not None
        ),
        row_url=partial(result_address, slug),
        name="laboratory-results",
        empty=gettext_lazy("No laboratory result has a grade."),
        every=found.candidates,
        keep=that_pass,
        page_size=50,
        selection=deciding if request.access.may(P.SIGN) else None,
    )


@sensitive_post_parameters("password")
@trial_page(see=P.SIGN, change=P.SIGN)
def decide(request: TrialRequest) -> HttpResponse:
    """Show the selected results, and sign one decision on all of them with one password, or on none."""
    keys = _keys(request)
    patients = _patients(request, keys)
    now = {each.pk: each for each in candidates_of(request.trial, patients).candidates}
    shown = [now[key] for key in keys if key in now]
    form = ResultDecisionForm(
        sent_or_kept(request),
        trial=request.trial,
        candidates=shown,
        events=_events(patients),
    )
    if request.method == "POST" and form.is_valid() and _signed(request, form, patients, keys):
        return _done(request, form.result, patients)
    context = {
        "form": form,
        "results": [_shown(request, each) for each in shown],
        "changed": len(keys) - len(shown),
        "counted": counted(len(shown)),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "safety/laboratory/decide.html", context, status=status)


def counted(number: int) -> str:
    """Return the number of results as text."""
    return ngettext("%(count)s laboratory result", "%(count)s laboratory results", number) % {"count": number}


def _keys(request: TrialRequest) -> list[str]:
    """Return the keys of the results that were chosen. Raises BadRequest for any other text."""
    typed = sent_or_kept(request)
    sent = request.GET if typed is None else typed
    keys = list(dict.fromkeys(sent.getlist("result")))
    if not all(KEY.fullmatch(key) for key in keys):
        raise BadRequest(_("These rows were not chosen in the listing. Choose them there."))
    if len(keys) > AT_ONCE:
        raise BadRequest(_("Decide on at most %(number)s results at once.") % {"number": AT_ONCE})
    return keys


def _patients(request: TrialRequest, keys: Sequence[str]) -> list[Patient]:
    """Return the patients of the chosen results. Raises Http404 if one of them may not be seen."""
    records = {int(key.partition(".")[0]) for key in keys}
    rows = Patient.objects.visible_to(request.user).filter(trial=request.trial, records__in=records)
    found = list(rows.select_related("trial", "protocol").distinct().order_by("code"))
    visible = set(
        Patient.objects.filter(pk__in=[each.pk for each in found], records__in=records).values_list(
            "records__pk", flat=True
        )
    )
    if not records <= visible:
        raise Http404
    return found


def _events(patients: Sequence[Patient]) -> list[AdverseEvent]:
    """Return the events that the results of one patient may belong to; none for several patients."""
    if len(patients) != 1:
        return []
    return list(AdverseEvent.objects.filter(patient=patients[0]).not_in_error().order_by("number"))


def _signed(
    request: TrialRequest, form: ResultDecisionForm, patients: Sequence[Patient], keys: Sequence[str]
) -> bool:
    # A key that is gone is passed on: the verb refuses it, so that nothing is left out silently.
    shown = {**dict.fromkeys(keys, 0), **form.shown}
    return form.run(
        decide_results,
        trial=request.trial,
        patients=patients,
        shown=shown,
        significance=form.cleaned_data["significance"],
        meaning=form.cleaned_data["meaning"],
        password=form.cleaned_data["password"],
        event=form.event,
        by=request.user,
    )


def _done(request: TrialRequest, decided: Decided, patients: Sequence[Patient]) -> HttpResponse:
    messages.success(
        request, _("%(results)s decided and signed.") % {"results": counted(len(decided.decisions))}
    )
    slug = request.trial.slug
    if len(decided.awaiting) == 1 and request.access.may(P.REPORT_EVENT):
        return redirect("safety:laboratory-event", slug, patients[0].code, decided.awaiting[0].pk)
    if len(patients) == 1:
        return redirect("safety:patient-laboratory", slug, patients[0].code)
    return redirect("safety:laboratory", slug)


def _shown(request: TrialRequest, candidate: Candidate) -> dict[str, Any]:
    result, zone = candidate.result, request.trial.rules.trial.site.time_zone
    return {
        "key": candidate.pk,
        "patient": candidate.patient.code,
        "url": result_address(request.trial.slug, candidate),
        "item": wording.item_title(result),
        "value": wording.value_words(result),
        "taken": wording.taken_words(result),
        "limits": wording.limits_words(result),
        "baseline": wording.baseline_words(result),
        "draft": wording.draft_mark(result),
        "term": candidate.term,
        "version": result.ctcae,
        "grade": wording.grade_cell(candidate),
        "reason": wording.reason_words(candidate),
        "question": wording.ask_words(candidate),
        "status": wording.status_tag(candidate),
        "before": wording.decided_words(candidate.decision, zone) if candidate.decision else "",
    }


@trial_page(see=P.REPORT_EVENT, change=P.REPORT_EVENT)
def report(request: TrialRequest, code: str, pk: int) -> HttpResponse:
    """Report the adverse event of a significant result, with the answers that the result gives."""
    patient = patient_of(request, code)
    rows = LaboratoryDecision.objects.visible_to(request.user).select_related("event")
    decision = get_object_or_404(rows, pk=pk, patient=patient)
    if decision.event is not None:
        return redirect("safety:event", request.trial.slug, patient.code, decision.event.number)
    if not decision.awaits_event:
        raise Http404
    results = results_of(request.trial, [patient])[patient.pk]
    result = next(
        (
            each
            for each in results
            if (each.place.record, each.item.name) == (decision.record_id, decision.item)
        ),
        None,
    )
    if result is None:
        raise Http404
    return views.reported(request, patient, partial(ResultEventForm, result=result, decision=decision))
