"""Mails to the sponsor: `[trial.contacts]` of the protocol file says whom a notice reaches (ACC-02, ICH E6(R3) 3.16).

A notice names people of the site and subject codes, never an identity, an arm or a clinical value. That it was sent is
an event of the trail, and so is an attempt that failed: it is tried again until it succeeds (`manage.py due`).
"""

from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_tasks import task

from accounts.models import SigningSuspension, User
from audit import events
from audit.context import acting
from protocol.document.people import Contact
from trials.models import Delegation, SponsorNotice, Trial
from trials.roles import ROLES

# Sentences of a notice, by what happened: `person` did not do it, `by` did.
SENTENCES: dict[str, Promise] = {
    "new_role": gettext_lazy("%(person)s has a new role in the trial: %(role)s. It was given by %(by)s."),
    "role_confirmed": gettext_lazy(
        "%(person)s knows the treatment from now on, in the role: %(role)s. %(by)s confirmed it as the second person."
    ),
    "account_opened": gettext_lazy(
        "The account of %(person)s (%(role)s) was opened anew with a link or without its second factors. %(by)s asked"
        " for it. The person signs nothing until it is confirmed who they are."
    ),
    "late_result": gettext_lazy(
        "A result out of specification arrived for a lot after an infusion was given. %(by)s recorded it. The cell"
        " laboratory knows which patients received it."
    ),
    "lot_recalled": gettext_lazy(
        "A lot was recalled by %(by)s. The cell laboratory knows which patients received it."
    ),
    "out_of_specification": gettext_lazy(
        "%(by)s accepted a product out of specification for an infusion of patient %(subject)s. The competent authority"
        " is told within 48 hours."
    ),
    "donor_unfit": gettext_lazy(
        "%(by)s found a donor unfit whose cells were given. The cell laboratory knows which patients received them."
    ),
    "held": gettext_lazy("The trial is on hold. %(by)s reported what led to it, or set the hold."),
    "unblinded": gettext_lazy("The treatment of patient %(subject)s was unblinded by %(by)s."),
    "instructed": gettext_lazy(
        "%(by)s issued an instruction for the treatment of patient %(subject)s to the investigators."
    ),
    "exposed": gettext_lazy(
        "%(by)s recorded that somebody came to know the treatment of patient %(subject)s by accident."
    ),
    "opened": gettext_lazy("The treatment of all patients was opened by %(by)s, as planned after the lock."),
}
# What a notice that waits is about, on a page that blinded people read too: `%(subject)s` is a subject code.
ABOUT: dict[str, Promise] = {
    "new_role": gettext_lazy("A new role in the trial"),
    "role_confirmed": gettext_lazy("A person who knows the treatment from now on"),
    "account_opened": gettext_lazy("An account that was opened anew"),
    "late_result": gettext_lazy("The product: a result after an infusion"),
    "lot_recalled": gettext_lazy("The product: a recall"),
    "out_of_specification": gettext_lazy("The product: %(subject)s"),
    "donor_unfit": gettext_lazy("The product: a donor"),
    "held": gettext_lazy("The trial is on hold"),
    "unblinded": gettext_lazy("Unblinding of %(subject)s"),
    "instructed": gettext_lazy("Instruction for the treatment of %(subject)s"),
    "exposed": gettext_lazy("Exposure: the treatment of %(subject)s became known"),
    "opened": gettext_lazy("Planned unblinding of all patients"),
}
OF_SAFETY = frozenset(
    {
        "unblinded",
        "exposed",
        "opened",
        "instructed",
        "held",
        "late_result",
        "lot_recalled",
        "out_of_specification",
        "donor_unfit",
    }
)


def about(notice: SponsorNotice) -> str:
    """Return the subject of a notice, without who did it and without anything of the product."""
    return str(ABOUT[notice.what]) % {"subject": notice.told.get("subject", "")}


def contact_for(trial: Trial, what: str) -> Contact | None:
    """Return whom a notice reaches: safety of the sponsor for an unblinding, else the sponsor. None if not named."""
    contacts = trial.rules.trial.contacts
    if contacts is None:
        return None
    return contacts.safety if what in OF_SAFETY else contacts.sponsor


def tell_sponsor(
    *,
    trial: Trial,
    what: str,
    by: User | None,
    person: User | None = None,
    role: str = "",
    subject: str = "",
    patient_id: int | None = None,
) -> None:
    """Mail the sponsor what happened, after the transaction in which it did.

    what: a key of SENTENCES. subject: a subject code. Without a mail server or an address nothing is mailed; a notice
    of safety is kept all the same, and shown as pending.
    """
    if not can_be_mailed(trial, what) and what not in OF_SAFETY:
        return
    told = {
        "person": person.full_name if person else "",
        "by": by.full_name if by else "",
        "role": role,
        "subject": subject,
    }
    # Stored with what happened: a mail that fails is tried again (`send_waiting`), also after the process has ended.
    notice = SponsorNotice.objects.create(trial=trial, patient_id=patient_id, what=what, told=told)
    # A notice of something that was rolled back would be false.
    transaction.on_commit(lambda: mail_sponsor.enqueue(notice.pk), robust=True)


def can_be_mailed(trial: Trial, what: str) -> bool:
    """Return True if there is a mail server, and the protocol names an address for this kind of notice."""
    contact = contact_for(trial, what)
    return settings.SENDS_MAIL and contact is not None and contact.email is not None


@task()
def mail_sponsor(notice: int) -> None:
    """Send one notice to the sponsor, unless it was sent."""
    send_notice(notice)


@transaction.atomic
def send_notice(key: int) -> bool:
    """Mail one notice and record the attempt; return False if it still waits."""
    # Locked: the worker and `manage.py due` may try the same notice at once.
    notice = SponsorNotice.objects.select_for_update().get(pk=key)
    trial = Trial.objects.select_related("protocol").get(pk=notice.trial_id)
    contact = contact_for(trial, notice.what)
    if notice.sent_at is not None:
        return True
    if not can_be_mailed(trial, notice.what) or contact is None or contact.email is None:
        return False
    failed = ""
    try:
        with translation.override(settings.LANGUAGE_CODE):
            send_mail(
                _("Notice of the trial %(trial)s") % {"trial": trial},
                _text(notice.what, notice.told),
                None,
                [contact.email],
            )
    except OSError as wrong:
        failed = str(wrong)
    notice.attempts += 1
    notice.failed_because, notice.sent_at = failed, None if failed else timezone.now()
    notice.save(update_fields=["attempts", "failed_because", "sent_at"])
    detail: dict[str, Any] = {"way": "mail", "to": contact.email, "of": notice.what, "written": not failed}
    if failed:
        detail["message"] = failed
    with acting(system="mail"):
        events.record(kind=events.AccessKind.SPONSOR_TOLD, trial_id=trial.pk, detail=detail)
    return not failed


def send_waiting() -> tuple[int, int]:
    """Try again what could not be mailed. Return how many were sent, and how many a mail server still refuses."""
    waiting = list(SponsorNotice.objects.filter(sent_at=None).order_by("pk").values_list("pk", flat=True))
    sent = sum(map(send_notice, waiting))
    return sent, SponsorNotice.objects.filter(sent_at=None, attempts__gt=0).count()


def _text(what: str, told: dict[str, str]) -> str:
    """Return the notice in the active language."""
    role = ROLES.get(told["role"])
    facts = {
        **told,
        "by": told["by"] or _("the operator of the installation"),
        "role": role.title if role else "",
    }
    sentence = str(SENTENCES[what]) % facts
    return "\n\n".join(
        (sentence, _("This mail was sent by Stroma. The audit trail of the trial has the details."))
    )


def tell_of_opened_account(sender: Any, suspension: SigningSuspension, **_more: Any) -> None:
    """Tell the sponsor of every trial in which the person may sign; receiver of `signing_suspended`."""
    if suspension.cause == SigningSuspension.Cause.FIRST_PASSWORD:
        return
    roles = Delegation.objects.active(timezone.now()).filter(user=suspension.user)
    for row in roles.select_related("trial__protocol"):
        tell_sponsor(
            trial=row.trial,
            what="account_opened",
            person=suspension.user,
            role=row.role,
            by=suspension.asked_by,
        )
