"""The page of the safety review of one patient, and its drawing as a file."""

from django.http import HttpResponse
from django.shortcuts import render

from reports.casebook.patient_data import PatientData
from reports.casebook.profile import BY_DATE, BY_DAY
from reports.casebook.views import drawing
from reports.events.review import ReviewChart
from safety.labels import Wording, class_tag, grade_tag, tag
from safety.listing.infusion_days import since_infusions
from safety.listing.listing_views import AT_ONCE, attach_related
from safety.listing.reviews import TONES, ReviewState, review_state
from safety.models import AdverseEvent
from safety.reporting import not_reviewable
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.SEE_TRIAL)
def review(request: TrialRequest, code: str) -> HttpResponse:
    """Show one patient's events, visits, infusions, medication, stays and results on one axis, and the events."""
    dossier = PatientData.open(request.access, code)
    events, wording = dossier.events, Wording(request.trial.rules)
    for event in events:
        event.patient = dossier.patient
    attach_related(events)
    waiting = [
        each.pk for each in events if review_state(each) != ReviewState.SIGNED and not not_reviewable(each)
    ]
    axis = _axis(request)
    context = {
        "patient": dossier.patient,
        "dossier": dossier,
        "profile": ReviewChart(dossier, axis).profile(),
        "by_date": axis == BY_DATE,
        "events": [_shown(event, wording) for event in events],
        "to_sign": waiting[:AT_ONCE] if request.access.may(P.SIGN) else [],
    }
    return render(request, "reports/safety_review.html", context)


@trial_page(see=P.SEE_TRIAL)
def download(request: TrialRequest, code: str) -> HttpResponse:
    """Send the time axis as an SVG file in the light colours."""
    dossier = PatientData.open(request.access, code)
    return drawing(request, dossier.patient, ReviewChart(dossier, _axis(request)), "safety-review")


def _axis(request: TrialRequest) -> str:
    return BY_DATE if request.GET.get("axis") == BY_DATE else BY_DAY


def _shown(event: AdverseEvent, wording: Wording) -> dict[str, object]:
    state = review_state(event)
    return {
        "event": event,
        "grade": grade_tag(event),
        "class": class_tag(event),
        "onset": wording.onset(event),
        "end": wording.end(event),
        "since": since_infusions(event, wording.zone),
        "causality": wording.causality(event),
        "outcome": event.get_outcome_display(),
        "review": tag(TONES[state], state.label),
    }
