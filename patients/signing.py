"""An investigator signs captured forms: one list, one password, one signature per form (SIG-01)."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.models import Signature
from patients.models import Patient, Record


def unsigned(patient: Patient) -> list[Record]:
    """Return the complete forms that no valid signature covers, with their marks, in the order of the visits."""
    rows = (
        Record.objects.filter(patient=patient, state=Record.State.COMPLETE)
        .with_marks()
        .filter(is_signed=False)
    )
    return list(
        rows.select_related("visit", "protocol").order_by(
            "visit__position", "visit__number", "form", "repeat"
        )
    )


@transaction.atomic
def sign_records(*, records: Sequence[Record], meaning: str, password: str, by: User) -> list[Signature]:
    """Sign complete forms with one password: all of them, or none.

    Raises ValidationError for a form that is not complete, and for a wrong password.
    """
    if not records:
        raise ValidationError(_("Choose at least one form."))
    rows = list(
        Record.objects.select_for_update(of=("self",))
        .select_related("protocol")
        .filter(pk__in=[r.pk for r in records])
    )
    seen = {record.pk: record.version for record in records}
    for row in rows:
        if row.state != Record.State.COMPLETE:
            raise ValidationError(
                _("A form that is not complete cannot be signed: %(form)s.") % {"form": row.form}
            )
        if row.version != seen[row.pk]:
            raise ValidationError(_("A form was changed while you read it: %(form)s.") % {"form": row.form})
    zone = rows[0].protocol.rules.trial.site.time_zone
    return signatures.sign_many(targets=rows, meaning=meaning, password=password, by=by, zone=zone)
