"""Somebody came to know the treatment by accident: who, what, since when and how (BLD-06, ICH E6(R3) 4.1.4)."""

import re

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from dosing.models import Unblinding
from patients.models import Patient
from protocol.values.moments import Moment
from trials.models import Trial
from trials.sponsor_notices import tell_sponsor


@transaction.atomic
def record_exposure(
    *,
    patient: Patient,
    known_to: User | None,
    known_to_name: str,
    learned: str,
    known_since: Moment,
    reason: str,
    by: User,
    save_key: str,
) -> Unblinding:
    """Record that somebody came to know the treatment of a patient. The same page sent twice is one record.

    Raises ValidationError without exactly one person, for a moment in the future, and for a text that names an arm:
    blinded people read it.
    """
    name, reason = known_to_name.strip(), reason.strip()
    if (known_to is None) == (not name):
        raise ValidationError(
            {"known_to": _("Choose a person of the trial, or write who it is: one of the two.")}
        )
    if patient.trial.today < known_since.first_day:
        raise ValidationError({"known_since": _("This lies in the future.")})
    for field, text in (("reason", reason), ("known_to_name", name)):
        if names_an_arm(patient.trial, text):
            raise ValidationError(
                {field: _("Do not name the treatment: people who must not know it read this text.")}
            )
    row, made = Unblinding.objects.get_or_create(
        patient=patient,
        save_key=save_key,
        defaults={
            "category": Unblinding.Category.INADVERTENT,
            "learned": learned,
            "reason": reason,
            "known_to": known_to,
            "known_to_name": name,
            "known_since": known_since.iso,
            "recorded_by": by,
        },
    )
    if made:
        tell_sponsor(trial=patient.trial, what="exposed", by=by, subject=patient.code, patient_id=patient.pk)
    return row


def names_an_arm(trial: Trial, text: str) -> bool:
    """Return True if a text contains the code of an arm as a word, or its title in any language of the site."""
    words = text.casefold()
    for arm in trial.rules.arms:
        titles = [arm.title.in_language(each) for each in trial.rules.trial.site.languages]
        if any(title.casefold() in words for title in titles):
            return True
        if re.search(rf"\b{re.escape(arm.code.casefold())}\b", words):
            return True
    return False
