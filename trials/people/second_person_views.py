"""Steps of the second person: half of a code, lost second factors, identity, roles that know the treatment."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import password_keys
from accounts.models import PasswordKey, User
from accounts.signing_suspension import confirm_identity
from trials.access import TrialRequest, trial_page
from trials.delegations import treatment_roles
from trials.delegations.factor_recovery import decide_recovery
from trials.models import Delegation, FactorRecovery
from trials.people.forms import ConfirmationCodeForm, ConfirmForm, DecisionForm
from trials.people.invitation_views import start_of
from trials.people.steps import done, page, person_of, posted
from trials.permissions import Permission as P


def keys_to_hand_over(request: TrialRequest) -> list[PasswordKey]:
    """Return the codes asked for in this trial whose second half this person may hand over."""
    rows = PasswordKey.objects.filter(
        made_in=request.trial.slug, way=PasswordKey.Way.PEOPLE, ended_at=None
    ).exclude(user=request.user)
    rows = rows.exclude(made_by=request.user).select_related("user", "made_by", "second_by")
    return [key for key in rows.order_by("pk") if password_keys.is_open(key)]


@trial_page(see=P.VOUCH, change=P.VOUCH)
@sensitive_variables("half")
def hand_over(request: TrialRequest, pk: int) -> HttpResponse:
    """Show the second half of a code, once, on the response; another look makes another half."""
    key = next((each for each in keys_to_hand_over(request) if each.pk == pk), None)
    if key is None:
        raise Http404
    form = ConfirmForm(posted(request))
    arguments = {"key": key, "by": request.user}
    if request.method == "POST" and form.is_valid() and form.run(password_keys.new_second_half, **arguments):
        address = start_of(request, "account_key_halves")
        return render(request, "people/half.html", {"key": key, "half": form.result, "address": address})
    return page(
        request,
        form,
        title=_("Second half of the code of %(person)s") % {"person": key.user},
        action=_("Show the second half"),
        text=_(
            "%(first)s gave the first half. See the person or call a number you know: hand over the second half only"
            " to %(person)s. An earlier second half stops working."
        )
        % {"first": key.made_by, "person": key.user},
    )


@trial_page(see=P.VOUCH, change=P.VOUCH)
def confirm_role(request: TrialRequest, pk: int, delegation: int) -> HttpResponse:
    """Confirm, as the second person, a role that knows the treatment."""
    row = get_object_or_404(
        Delegation.objects.select_related("user", "granted_by"),
        pk=delegation,
        user_id=pk,
        trial=request.trial,
        awaits_second=True,
    )
    form = ConfirmForm(posted(request))
    arguments = {"delegation": row, "by": request.user}
    if request.method == "POST" and form.is_valid() and form.run(treatment_roles.confirm_role, **arguments):
        return done(request, row.user, _("The role of %(person)s is in force."))
    return page(
        request,
        form,
        person=row.user,
        title=_("Confirm the role: %(role)s") % {"role": row.get_role_display()},
        action=_("Confirm the role"),
        text=_given_by(row),
    )


def _given_by(row: Delegation) -> str:
    """Return who gave the role, and what its confirmation means."""
    if row.granted_by is None:
        text = _(
            "The operator of the installation gave %(person)s a role that knows the treatment of every patient. Confirm"
            " it only if you know why the person needs it: until then it is not in force. The sponsor is told."
        )
        return text % {"person": row.user}
    text = _(
        "%(by)s gave %(person)s a role that knows the treatment of every patient. Confirm it only if you know why the"
        " person needs it: until then it is not in force. The sponsor is told."
    )
    return text % {"by": row.granted_by, "person": row.user}


@trial_page(see=P.VOUCH, change=P.VOUCH)
def recovery(request: TrialRequest, pk: int) -> HttpResponse:
    """Decide whether the second factors of a person are removed, as an administrator asked."""
    found = get_object_or_404(
        FactorRecovery.objects.select_related("user", "asked_by"),
        pk=pk,
        trial=request.trial,
        decided_at=None,
    )
    form = DecisionForm(posted(request))
    if request.method == "POST" and form.is_valid():
        granted = form.cleaned_data["decision"] == "grant"
        arguments = {"recovery": found, "granted": granted, "by": request.user}
        if form.run(decide_recovery, reason=form.cleaned_data["reason"], **arguments):
            messages.success(request, _decided(found.user, granted))
            return redirect("accounts:people", slug=request.trial.slug)
    return page(
        request,
        form,
        title=_("Lost second factors of %(person)s") % {"person": found.user},
        action=_("Decide"),
        risk=True,
        text=_(
            "%(first)s asks to remove them: %(reason)s. Grant it only after you saw the person or called a number you"
            " know. Until another factor is set up, the password alone opens the account."
        )
        % {"first": found.asked_by, "reason": found.reason},
    )


def _decided(user: User, granted: bool) -> str:
    if granted:
        return _("The second factors of %(person)s are removed.") % {"person": user}
    return _("Nothing was removed. %(person)s keeps the second factors.") % {"person": user}


@trial_page(see=P.VOUCH, change=P.VOUCH)
def confirm(request: TrialRequest, pk: int) -> HttpResponse:
    """Confirm, with the code that the person shows, who somebody is whose account others opened."""
    user, form = person_of(request, pk), ConfirmationCodeForm(posted(request))
    is_posted = request.method == "POST" and form.is_valid()
    if is_posted and form.run(confirm_identity, user=user, by=request.user, **form.cleaned_data):
        return done(request, user, _("%(person)s can sign."))
    return page(
        request,
        form,
        person=user,
        title=_("Confirm who %(person)s is") % {"person": user},
        action=_("Confirm"),
        text=_(
            "Only with the person before you, whom you know or whose identity document you saw: they are signed in,"
            " open “Confirm who you are” in their profile and show you a code."
        ),
    )
