"""List of the trials in which the user has a role today."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from trials.awaited_version import awaited_words
from trials.models import Delegation
from trials.reader import reader_language
from trials.roles import ROLES


@never_cache
@login_required
def choose(request: HttpRequest) -> HttpResponse:
    """List the user's trials with the role in each; a single trial opens at once."""
    delegations = Delegation.objects.active().filter(user=request.user.pk).select_related("trial__protocol")
    latest = {each.trial_id: each for each in delegations.order_by("starts_on", "pk")}
    if len(latest) == 1:
        return redirect("reports:home", next(iter(latest.values())).trial.slug)
    entries = [_entry(each) for each in sorted(latest.values(), key=lambda each: each.trial.slug)]
    return render(request, "trials/choose.html", {"entries": entries})


def _entry(delegation: Delegation) -> dict[str, object]:
    facts = delegation.trial.rules.trial
    return {
        "slug": delegation.trial.slug,
        "facts": facts,
        "title": facts.title.in_language(reader_language()),
        "role": ROLES[delegation.role].title,
        "ends_on": delegation.ends_on,
        "awaited": awaited_words(delegation.trial),
    }
