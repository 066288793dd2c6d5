"""Common parts of the steps of an administrator: the person, the form on one page, where to go afterwards."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from accounts.models import User
from accounts.sessions.kept_forms import kept_data
from trials.access import TrialRequest
from trials.forms import VerbForm
from trials.people.forms import RoleForm


def person_of(request: TrialRequest, pk: int) -> User:
    """Return a person who has, had or will have a role in this trial. Raises Http404."""
    return get_object_or_404(User.objects.filter(delegations__trial=request.trial).distinct(), pk=pk)


def posted(request: TrialRequest) -> Any:
    """Return the sent input, or the input that was kept when a session ended."""
    return request.POST if request.method == "POST" else kept_data(request)


def zone(request: TrialRequest) -> str:
    """Return the time zone of the site."""
    return request.trial.rules.trial.site.time_zone


def page(request: TrialRequest, form: VerbForm, **words: Any) -> HttpResponse:
    """Return the page with the form, with 422 if what was sent was refused."""
    status = 422 if request.method == "POST" else 200
    return render(request, "people/step.html", {"form": form, **words}, status=status)


def done(request: TrialRequest, user: User, sentence: str) -> HttpResponse:
    """Say what was done and lead to the page of the person."""
    messages.success(request, sentence % {"person": user})
    return redirect("accounts:person", slug=request.trial.slug, pk=user.pk)


def days_of(request: TrialRequest, form: RoleForm) -> dict[str, Any]:
    """Return trial, role, days and author of a role, for its verb."""
    named = {name: form.cleaned_data[name] for name in ("role", "starts_on", "ends_on")}
    return {"trial": request.trial, "by": request.user, **named}
