"""Users of a trial: their roles, and the actions of an administrator."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.kept_forms import kept_data
from accounts.models import User
from trials import delegation as delegation_log
from trials.access import TrialRequest, trial_page
from trials.forms import VerbForm
from trials.models import Delegation
from trials.people.forms import (
    EndRoleForm,
    IdentityCheckForm,
    KnownPersonForm,
    NewPersonForm,
    ReasonForm,
    RoleForm,
)
from trials.permissions import Permission as P


@trial_page(see=P.SEE_PEOPLE)
def people(request: TrialRequest) -> HttpResponse:
    """List everyone who has or had a role in this trial."""
    rows = Delegation.objects.filter(trial=request.trial).select_related("user")
    active = set(Delegation.objects.active().filter(trial=request.trial).values_list("pk", flat=True))
    listed = sorted(
        rows, key=lambda row: (row.pk not in active, row.user.full_name.casefold(), row.starts_on)
    )
    context = {
        "delegations": [(row, row.pk in active) for row in listed],
        "with_factor": set(
            Authenticator.objects.filter(user__in=[row.user_id for row in listed]).values_list(
                "user_id", flat=True
            )
        ),
        "may_manage": _may_manage(request),
    }
    return render(request, "people/list.html", context)


@trial_page(see=P.SEE_PEOPLE)
def person(request: TrialRequest, pk: int) -> HttpResponse:
    """Show one user of this trial: account and delegation log."""
    shown = _person_of(request, pk)
    context = {
        "person": shown,
        "delegations": shown.delegations.filter(trial=request.trial)
        .select_related("granted_by")
        .order_by("-starts_on"),
        "factors": Authenticator.objects.filter(user=shown).count(),
        "may_manage": _may_manage(request) and shown.pk != request.user.pk,
    }
    return render(request, "people/person.html", context)


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
@sensitive_variables("password")
def add(request: TrialRequest) -> HttpResponse:
    """Add a user with a first role; the initial password is shown once, on the response."""
    form = NewPersonForm(_posted(request), zone=_zone(request))
    if request.method == "POST" and form.is_valid() and form.run(_add_with_role, request=request, form=form):
        user, password = form.result
        return render(request, "people/password.html", {"person": user, "password": password})
    return _page(request, form, title=_("Add a person"), action=_("Add the person"))


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def delegate(request: TrialRequest) -> HttpResponse:
    """Give a role to an existing user, named by the user name."""
    form = KnownPersonForm(_posted(request), zone=_zone(request))
    if request.method == "POST" and form.is_valid():
        user = User.objects.filter(username=form.cleaned_data["username"]).first()
        if user is None:
            form.add_error("username", _("Nobody has this user name. Check the spelling, or add the person."))
        elif form.run(delegation_log.delegate, user=user, **_role(request, form)):
            return _done(request, user, _("%(person)s has the role."))
    return _page(request, form, title=_("Give a role to a known person"), action=_("Give the role"))


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def add_role(request: TrialRequest, pk: int) -> HttpResponse:
    """Give another role to a user of this trial."""
    return _step(
        request,
        pk,
        RoleForm,
        lambda user, form: form.run(delegation_log.delegate, user=user, **_role(request, form)),
        title=_("Give a role"),
        action=_("Give the role"),
        done=_("%(person)s has the role."),
    )


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def end_role(request: TrialRequest, pk: int, delegation: int) -> HttpResponse:
    """Set the last day of a role."""
    row = get_object_or_404(Delegation, pk=delegation, user_id=pk, trial=request.trial)
    return _step(
        request,
        pk,
        EndRoleForm,
        lambda user, form: form.run(
            delegation_log.end_delegation, delegation=row, by=request.user, **form.cleaned_data
        ),
        title=_("End the role: %(role)s") % {"role": row.get_role_display()},
        action=_("End the role"),
        risk=True,
        done=_("The role of %(person)s has a last day."),
    )


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def identity(request: TrialRequest, pk: int) -> HttpResponse:
    """Record the day on which the user's identity was verified."""
    return _step(
        request,
        pk,
        IdentityCheckForm,
        lambda user, form: form.run(
            delegation_log.verify_identity,
            user=user,
            on=form.cleaned_data["on"],
            trial=request.trial,
            by=request.user,
        ),
        title=_("Identity verified"),
        action=_("Save"),
        done=_("The identity of %(person)s is noted as verified."),
    )


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def deactivate(request: TrialRequest, pk: int) -> HttpResponse:
    """Stop all access of a user."""
    return _account_step(
        request,
        pk,
        delegation_log.deactivate,
        title=_("Deactivate"),
        action=_("Deactivate the account"),
        text=_("The person is signed out at once and cannot sign in. Nothing they did is deleted."),
        done=_("%(person)s is deactivated."),
    )


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def reactivate(request: TrialRequest, pk: int) -> HttpResponse:
    """Let a deactivated user sign in again."""
    return _account_step(
        request,
        pk,
        delegation_log.reactivate,
        title=_("Reactivate"),
        action=_("Reactivate the account"),
        text=_("The person can sign in again. Roles that have not ended count again."),
        done=_("%(person)s is active again."),
    )


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def remove_factors(request: TrialRequest, pk: int) -> HttpResponse:
    """Remove the second factors of a user who lost them."""
    return _account_step(
        request,
        pk,
        delegation_log.remove_factors,
        title=_("Remove second factors"),
        action=_("Remove the second factors"),
        text=_("Only after you made sure who asks. The next sign-in is by password alone."),
        done=_("The second factors of %(person)s are removed."),
    )


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
@sensitive_variables("password")
def password(request: TrialRequest, pk: int) -> HttpResponse:
    """Replace a forgotten password by an initial one, shown once on the response."""
    user, form = _person_of(request, pk), ReasonForm(_posted(request))
    verb = delegation_log.give_initial_password
    is_posted = request.method == "POST" and form.is_valid()
    if is_posted and form.run(verb, user=user, by=request.user, **form.cleaned_data):
        return render(request, "people/password.html", {"person": user, "password": form.result})
    return _page(
        request,
        form,
        person=user,
        title=_("New initial password"),
        action=_("Make a new password"),
        risk=True,
        text=_("First make sure who asks. The present password stops working and open sessions end."),
    )


def _step(
    request: TrialRequest,
    pk: int,
    form_class: type[VerbForm],
    do: Callable[[User, Any], bool],
    *,
    done: str,
    **words: Any,
) -> HttpResponse:
    user, form = _person_of(request, pk), form_class(_posted(request), zone=_zone(request))
    if request.method == "POST" and form.is_valid() and do(user, form):
        return _done(request, user, done)
    return _page(request, form, person=user, **words)


def _account_step(request: TrialRequest, pk: int, verb: Callable[..., None], **words: Any) -> HttpResponse:
    return _step(
        request,
        pk,
        ReasonForm,
        lambda user, form: form.run(verb, user=user, by=request.user, **form.cleaned_data),
        risk=True,
        **words,
    )


def _page(request: TrialRequest, form: VerbForm, **words: Any) -> HttpResponse:
    status = 422 if request.method == "POST" else 200
    return render(request, "people/step.html", {"form": form, **words}, status=status)


def _posted(request: TrialRequest) -> Any:
    return request.POST if request.method == "POST" else kept_data(request)


def _zone(request: TrialRequest) -> str:
    return request.trial.rules.trial.site.time_zone


def _done(request: TrialRequest, user: User, sentence: str) -> HttpResponse:
    messages.success(request, sentence % {"person": user})
    return redirect("accounts:person", slug=request.trial.slug, pk=user.pk)


def _person_of(request: TrialRequest, pk: int) -> User:
    return get_object_or_404(User.objects.filter(delegations__trial=request.trial).distinct(), pk=pk)


def _may_manage(request: TrialRequest) -> bool:
    return bool(request.access.may(P.MANAGE_PEOPLE))


def _role(request: TrialRequest, form: RoleForm) -> dict[str, Any]:
    named = {name: form.cleaned_data[name] for name in ("role", "starts_on", "ends_on")}
    return {"trial": request.trial, "by": request.user, **named}


@transaction.atomic
def _add_with_role(*, request: TrialRequest, form: NewPersonForm) -> tuple[User, str]:
    about = {
        name: form.cleaned_data[name] for name in ("username", "full_name", "email", "identity_verified_on")
    }
    user, password = delegation_log.add_person(trial=request.trial, by=request.user, **about)
    delegation_log.delegate(user=user, **_role(request, form))
    return user, password
