"""List of the trials in which the user has a role today."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from accounts.models import User
from trials.delegations.invitations import invitations_of
from trials.models import Delegation, Invitation
from trials.reader import reader_language
from trials.roles import ROLES
from trials.versions.awaited_version import awaited_words


@never_cache
@login_required
def choose(request: HttpRequest) -> HttpResponse:
    """List the user's trials with the role in each, and invitations; a single trial opens at once."""
    delegations = Delegation.objects.active().filter(user=request.user.pk).select_related("trial__protocol")
    latest = {each.trial_id: each for each in delegations.order_by("starts_on", "pk")}
    invitations = [_offered(each) for each in invitations_of(cast(User, request.user))]
    if len(latest) == 1 and not invitations:
        return redirect("reports:home", next(iter(latest.values())).trial.slug)
    entries = [_entry(each) for each in sorted(latest.values(), key=lambda each: each.trial.slug)]
    return render(request, "trials/choose.html", {"entries": entries, "invitations": invitations})


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


def _offered(invitation: Invitation) -> dict[str, object]:
    facts = invitation.trial.rules.trial
    return {
        "pk": invitation.pk,
        "facts": facts,
        "title": facts.title.in_language(reader_language()),
        "role": ROLES[invitation.role],
        "starts_on": invitation.starts_on,
        "ends_on": invitation.ends_on,
        "by": invitation.invited_by,
    }
