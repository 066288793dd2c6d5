"""The part of an adverse event's form that follows its term: the grades that exist for it."""

from django.http import HttpResponse
from django.shortcuts import render

from patients.views.participation import patient_of
from safety.forms import EventForm
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.REPORT_EVENT)
def grades(request: TrialRequest, code: str) -> HttpResponse:
    """Return the field of the grade for the term that is typed, with the grade that is chosen if it exists."""
    patient = patient_of(request, code)
    typed = {name: request.GET.get(name, "") for name in ("term", "grade")}
    form = EventForm(trial=request.trial, patient=patient, assessing=False, initial=typed)
    return render(request, "safety/terms/_grades.html", {"field": form["grade"]})
