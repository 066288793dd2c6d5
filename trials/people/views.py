"""Users of a trial: their roles, and the actions of an administrator."""

from collections.abc import Callable
from functools import partial
from typing import Any

from allauth.mfa.models import Authenticator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from accounts.models import PasswordKey, User
from accounts.password_keys import is_open
from accounts.signing_suspension import open_suspensions
from trials.access import TrialRequest, trial_page
from trials.delegated_tasks import words_of
from trials.delegations import delegation as delegation_log
from trials.delegations.access_in_force import deactivations
from trials.delegations.factor_recovery import ask_recovery
from trials.forms import VerbForm
from trials.models import Delegation, FactorRecovery, Invitation
from trials.people.forms import EndRoleForm, IdentityCheckForm, NewRoleForm, ReasonForm
from trials.people.rights_history import rights_history
from trials.people.second_person_views import keys_to_hand_over
from trials.people.steps import days_of, done, page, person_of, posted, zone
from trials.permissions import Permission as P
from trials.roles import ROLES


@trial_page(see=P.SEE_PEOPLE)
def people(request: TrialRequest) -> HttpResponse:
    """List everyone who has or had a role in this trial."""
    rows = Delegation.objects.filter(trial=request.trial).select_related("user", "granted_by")
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
        "invited": _invited(request),
        "keys": keys_to_hand_over(request) if request.access.may(P.VOUCH) else [],
        "recoveries": FactorRecovery.objects.filter(trial=request.trial, decided_at=None).select_related(
            "user", "asked_by"
        ),
        "to_confirm": [row for row in listed if row.awaits_second],
        "may_vouch": request.access.may(P.VOUCH),
    }
    return render(request, "people/list.html", context)


@trial_page(see=P.SEE_PEOPLE)
def person(request: TrialRequest, pk: int) -> HttpResponse:
    """Show one user of this trial: account, delegation log, and how the rights changed."""
    shown = person_of(request, pk)
    rows = shown.delegations.filter(trial=request.trial).select_related(
        "granted_by", "approved_by", "confirmed_by"
    )
    suspended = list(open_suspensions(shown).select_related("asked_by"))
    context = {
        "person": shown,
        "roles": [_role_line(request, row) for row in rows.order_by("-starts_on", "-pk")],
        "factors": Authenticator.objects.filter(user=shown).count(),
        "may_manage": _may_manage(request) and shown.pk != request.user.pk,
        "may_approve": request.access.may(P.APPROVE) and shown.pk != request.user.pk,
        "may_confirm": bool(suspended) and request.access.may(P.VOUCH) and shown.pk != request.user.pk,
        "suspended": suspended,
        "deactivations": deactivations([shown.pk]).get(shown.pk, []),
        "changes": rights_history(shown, request.trial),
        "sees_trail": request.access.may(P.SEE_TRAIL),
    }
    return render(request, "people/person.html", context)


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def add_role(request: TrialRequest, pk: int) -> HttpResponse:
    """Give another role to a user of this trial."""
    return _step(
        request,
        pk,
        NewRoleForm,
        lambda user, form: form.run(
            delegation_log.delegate,
            user=user,
            reason=form.cleaned_data["reason"],
            **days_of(request, form),
        ),
        title=_("Give a role"),
        action=_("Give the role"),
        done_sentence=_("%(person)s has the role."),
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
        done_sentence=_("The role of %(person)s has a last day."),
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
        done_sentence=_("The identity of %(person)s is noted as verified."),
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
        done_sentence=_("%(person)s is deactivated."),
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
        done_sentence=_("%(person)s is active again."),
    )


@trial_page(see=P.MANAGE_PEOPLE, change=P.MANAGE_PEOPLE)
def remove_factors(request: TrialRequest, pk: int) -> HttpResponse:
    """Ask a second person to remove the second factors of a user who lost them."""
    return _account_step(
        request,
        pk,
        partial(ask_recovery, trial=request.trial),
        title=_("Lost second factors"),
        action=_("Ask for their removal"),
        text=_(
            "Only after you made sure who asks. A second person with another role decides; until then nothing changes."
        ),
        done_sentence=_("A second person decides about the second factors of %(person)s."),
    )


def _role_line(request: TrialRequest, row: Delegation) -> dict[str, Any]:
    """Return a role with its tasks in words, and whether it was recorded after its first day."""
    role = ROLES[row.role]
    return {
        "delegation": row,
        "delegated": role.delegated,
        "tasks": words_of(role, row.tasks),
        "recorded_later": row.starts_on < request.trial.day_of(row.recorded_at),
    }


def _invited(request: TrialRequest) -> list[tuple[Invitation, PasswordKey | None]]:
    """Return the invitations that wait for an answer or were declined, each with the link of a new person."""
    shown = (Invitation.State.OPEN, Invitation.State.DECLINED)
    rows = list(
        Invitation.objects.filter(trial=request.trial, state__in=shown)
        .select_related("invited_by")
        .order_by("-pk")
    )
    new = [row.username for row in rows if row.full_name]
    keys = PasswordKey.objects.filter(made_in=request.trial.slug, user__username__in=new, ended_at=None)
    by_name = {key.user.username: key for key in keys.select_related("user") if is_open(key)}
    return [(row, by_name.get(row.username)) for row in rows]


def _step(
    request: TrialRequest,
    pk: int,
    form_class: type[VerbForm],
    do: Callable[[User, Any], bool],
    *,
    done_sentence: str,
    **words: Any,
) -> HttpResponse:
    user, form = person_of(request, pk), form_class(posted(request), zone=zone(request))
    if request.method == "POST" and form.is_valid() and do(user, form):
        return done(request, user, done_sentence)
    return page(request, form, person=user, **words)


def _account_step(request: TrialRequest, pk: int, verb: Callable[..., Any], **words: Any) -> HttpResponse:
    return _step(
        request,
        pk,
        ReasonForm,
        lambda user, form: form.run(verb, user=user, by=request.user, **form.cleaned_data),
        risk=True,
        **words,
    )


def _may_manage(request: TrialRequest) -> bool:
    return bool(request.access.may(P.MANAGE_PEOPLE))
