"""The principal investigator approves a role with its tasks, and a version of the protocol."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from trials.access import TrialRequest, trial_page
from trials.delegated_tasks import tasks_of_role
from trials.delegations.delegation_approval import approve_delegation
from trials.models import Delegation, ProtocolVersion
from trials.people.forms import ApproveRoleForm, ApproveVersionForm
from trials.people.steps import done, page, posted, zone
from trials.permissions import Permission as P
from trials.roles import ROLES
from trials.versions.version_approval import approve_version


@sensitive_post_parameters("password")
@trial_page(see=P.APPROVE, change=P.APPROVE)
def role(request: TrialRequest, pk: int, delegation: int) -> HttpResponse:
    """Approve a role of a person of the site, and delegate its tasks."""
    row = get_object_or_404(
        Delegation.objects.select_related("user"), pk=delegation, user_id=pk, trial=request.trial
    )
    tasks = tasks_of_role(ROLES[row.role])
    initial = {"tasks": row.tasks if row.tasks is not None else [task.code for task in tasks]}
    form = ApproveRoleForm(posted(request), zone=zone(request), initial=initial)
    form.offer([(task.code, task.title) for task in tasks])
    arguments = {"delegation": row, "by": request.user}
    is_posted = request.method == "POST" and form.is_valid()
    if is_posted and form.run(approve_delegation, **arguments, **form.cleaned_data):
        return done(request, row.user, _("The role of %(person)s is approved."))
    return page(
        request,
        form,
        person=row.user,
        title=_("Approve the role: %(role)s") % {"role": row.get_role_display()},
        action=_("Approve and sign"),
        text=_(
            "With your password you delegate these tasks to the person, from the first day of the role on. Without a"
            " task the person reads, and neither enters nor signs."
        ),
    )


@sensitive_post_parameters("password")
@trial_page(see=P.APPROVE, change=P.APPROVE)
def version(request: TrialRequest, name: str) -> HttpResponse:
    """Approve a version of the protocol that somebody else loaded."""
    row = get_object_or_404(
        ProtocolVersion.objects.select_related("loaded_by"), trial=request.trial, version=name
    )
    if row.approved_at is not None:
        messages.info(request, _("This version is approved already."))
        return redirect("patients:protocol", slug=request.trial.slug)
    form = ApproveVersionForm(posted(request), zone=zone(request))
    arguments = {"version": row, "by": request.user}
    if (
        request.method == "POST"
        and form.is_valid()
        and form.run(approve_version, **arguments, **form.cleaned_data)
    ):
        messages.success(request, _("Version %(version)s is approved.") % {"version": row.version})
        return redirect("patients:protocol", slug=request.trial.slug)
    return page(
        request,
        form,
        title=_("Approve version %(version)s") % {"version": row.version},
        action=_("Approve and sign"),
        back="patients:protocol",
        text=_(
            "With your password you approve this very file (SHA-256 %(sha256)s). Read its differences and the printed"
            " forms first. The person who loaded it cannot approve it."
        )
        % {"sha256": row.sha256},
    )
