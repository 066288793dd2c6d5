"""Invite people to a trial, renew or withdraw an invitation, and answer one."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from accounts import password_keys
from accounts.models import PasswordKey, User
from accounts.tasks import send_link
from trials.access import TrialRequest, trial_page
from trials.delegations import delegation as delegation_log
from trials.delegations import invitations
from trials.models import Invitation
from trials.people.forms import ConfirmForm, KnownPersonForm, NewPersonForm, ReasonForm
from trials.people.steps import days_of, page, person_of, posted, zone
from trials.permissions import Permission as P


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def add(request: TrialRequest) -> HttpResponse:
    """Invite a new person: an account without a password, and a link or code to choose one."""
    form = NewPersonForm(posted(request), zone=zone(request))
    about = ("full_name", "email", "identity_verified_on")
    if request.method == "POST" and form.is_valid():
        typed = {name: form.cleaned_data[name] for name in about}
        origin = {"installation": start_of(request)}
        if form.run(invitations.invite_new, **typed, **days_of(request, form), **origin):
            invitation, key = form.result
            return key_handed_over(
                request, key, _("%(person)s is invited.") % {"person": invitation.full_name}
            )
    return page(request, form, title=_("Invite a new person"), action=_("Invite"))


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def delegate(request: TrialRequest) -> HttpResponse:
    """Offer a role to a person who has an account; the answer is the same whether anybody has the user name."""
    form = KnownPersonForm(posted(request), zone=zone(request))
    if request.method == "POST" and form.is_valid():
        username = form.cleaned_data["username"]
        origin = {"installation": start_of(request)}
        if form.run(invitations.invite_known, username=username, **days_of(request, form), **origin):
            sentence = _(
                "Invited. Whoever has the user name %(username)s finds the invitation after signing in."
            )
            messages.success(request, sentence % {"username": form.result.username})
            return redirect("accounts:people", slug=request.trial.slug)
    return page(request, form, title=_("Invite a person who has an account"), action=_("Invite"))


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def withdraw(request: TrialRequest, pk: int) -> HttpResponse:
    """Take back an open invitation."""
    invitation, form = _open_invitation(request, pk), ConfirmForm(posted(request))
    arguments = {"invitation": invitation, "by": request.user}
    if request.method == "POST" and form.is_valid() and form.run(invitations.withdraw, **arguments):
        messages.success(request, _("The invitation is withdrawn."))
        return redirect("accounts:people", slug=request.trial.slug)
    return page(
        request,
        form,
        title=_("Withdraw the invitation of %(person)s") % {"person": _called(invitation)},
        action=_("Withdraw the invitation"),
        risk=True,
        text=_("The role is not offered any more, and a link for a first password stops working."),
    )


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def renew(request: TrialRequest, pk: int) -> HttpResponse:
    """Make a new link or code for a new person whose first one is over."""
    invitation, form = _open_invitation(request, pk), ConfirmForm(posted(request))
    arguments = {"invitation": invitation, "by": request.user, "installation": start_of(request)}
    if request.method == "POST" and form.is_valid() and form.run(invitations.renew_key, **arguments):
        return key_handed_over(request, form.result, _("There is a new link."))
    return page(
        request,
        form,
        title=_("New link for %(person)s") % {"person": _called(invitation)},
        action=_("Make a new link"),
        text=_("A link works once, for a day. The earlier one stops working."),
    )


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def password(request: TrialRequest, pk: int) -> HttpResponse:
    """Let a person who forgot the password choose another, with a link or a code."""
    user, form = person_of(request, pk), ReasonForm(posted(request))
    arguments = {"user": user, "trial": request.trial, "by": request.user}
    is_posted = request.method == "POST" and form.is_valid()
    if is_posted and form.run(delegation_log.ask_new_password, **arguments, **form.cleaned_data):
        key = form.result
        if key.way == PasswordKey.Way.MAIL:
            send_link.enqueue(key.pk, start_of(request))
        return key_handed_over(request, key, _("%(person)s can choose another password.") % {"person": user})
    return page(
        request,
        form,
        person=user,
        title=_("New password"),
        action=_("Make a link"),
        text=_(
            "The person chooses it; nobody else sees it. The link goes to their own e-mail address. Where there is"
            " none, you hand over one half of a code, and a person with another role the other half. First make sure"
            " who asks. The present password works until another is chosen."
        ),
    )


@require_POST
@never_cache
@login_required
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept or decline an invitation of one's own."""
    user = cast(User, request.user)
    invitation = get_object_or_404(Invitation, pk=pk, username=user.username)
    try:
        if request.POST.get("answer") == "accept":
            invitations.accept(invitation=invitation, user=user)
            messages.success(request, _("You accepted the role."))
        else:
            invitations.decline(invitation=invitation, user=user)
            messages.success(request, _("You declined the role."))
    except ValidationError as refusal:
        for sentence in refusal.messages:
            messages.error(request, sentence)
    return redirect("trials:choose")


@sensitive_variables("half")
def key_handed_over(request: TrialRequest, key: PasswordKey, sentence: str) -> HttpResponse:
    """Say that a mail is on its way, or show the first half of a code, this once."""
    if key.way == PasswordKey.Way.MAIL:
        messages.success(request, sentence)
        messages.info(request, _("A mail with a link goes to the person's own address."))
        return redirect("accounts:people", slug=request.trial.slug)
    half = password_keys.new_first_half(key)
    context = {
        "key": key,
        "half": half,
        "sentence": sentence,
        "address": start_of(request, "account_key_halves"),
    }
    return render(request, "people/half.html", context | {"first": True})


def start_of(request: HttpRequest, name: str = "start") -> str:
    """Return the full address of a page, for a mail or for paper."""
    return request.build_absolute_uri(reverse(name))


def _open_invitation(request: TrialRequest, pk: int) -> Invitation:
    return get_object_or_404(Invitation, pk=pk, trial=request.trial, state=Invitation.State.OPEN)


def _called(invitation: Invitation) -> str:
    return invitation.full_name or invitation.username
