"""The principal investigator approves a role and delegates its tasks, signed (ICH E6(R3) 2.3, SIG-05)."""

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.models import Meaning
from trials.delegated_tasks import tasks_of_role
from trials.delegations.delegation import held
from trials.models import Delegation
from trials.roles import ROLES


@transaction.atomic
def approve_delegation(
    *, delegation: Delegation, tasks: Collection[str], password: str, by: User
) -> Delegation:
    """Delegate tasks to a person in a role, and sign it. Approved again with other tasks, only the new ones hold.

    Raises ValidationError for one's own role, a role that is not of the site, no task or one of another role, and for
    what a signature refuses.
    """
    held(delegation.user)
    row = Delegation.objects.select_related("user", "trial__protocol").get(pk=delegation.pk)
    known = [task.code for task in tasks_of_role(ROLES[row.role])]
    if row.user_id == by.pk:
        raise ValidationError(_("You cannot approve your own role."))
    if not known:
        raise ValidationError(_("This role is not of the site: no task is delegated to it."))
    if not tasks or not set(tasks) <= set(known):
        raise ValidationError({"tasks": _("Choose the tasks that you delegate.")})
    row.tasks = [code for code in known if code in tasks]
    row.approved_at, row.approved_by = timezone.now(), by
    row.save(update_fields=["tasks", "approved_at", "approved_by"])
    zone = row.trial.rules.trial.site.time_zone
    signatures.sign(target=row, meaning=Meaning.APPROVAL, password=password, by=by, zone=zone)
    return row
