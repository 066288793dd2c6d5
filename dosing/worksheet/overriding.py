"""Hard stops that the protocol lets an investigator override: with a reason and a signature, and a deviation (CEL-11).

Only in an open trial: an investigator of a masked one may not know which product, donor or viability it is about.
"""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from audit import signatures
from audit.models import Meaning, Signature
from dosing.models import Infusion, ProductDeviation, StopOverride
from dosing.stock.stops import OVERRIDABLE, Stop
from dosing.stock.use import lock_infusion
from patients.models import Patient
from patients.participation.deviation_log.deviations import open_deviation

WORDS: dict[str, str | Promise] = {
    "another_donor": gettext_lazy("Another donor than at the other infusions"),
    "closed_window": gettext_lazy("Outside the window of the infusion"),
    "expired": gettext_lazy("An expired bag"),
    "temperature_excursion": gettext_lazy("A temperature excursion that nobody judged"),
    "viability": gettext_lazy("Viability below the limit"),
}


def allowed(patient: Patient) -> tuple[str, ...]:
    """Return the stops that the patient's protocol lets an investigator override; none in a masked trial."""
    dosing = patient.protocol.rules.dosing
    return dosing.overrides if dosing and not patient.trial.masked else ()


@transaction.atomic
def override(*, infusion: Infusion, stop: str, reason: str, password: str, by: User) -> StopOverride:
    """Override a hard stop for one infusion, as an investigator who signs, and open a product deviation.

    Raises ValidationError for a stop that the protocol does not name, one that is overridden already, an infusion that
    is recorded, a missing reason, and what a signature refuses.
    """
    row = lock_infusion(infusion)
    patient = row.patient
    errors = {}
    if stop not in allowed(patient):
        errors["stop"] = _("The protocol allows nobody to override this.")
    elif StopOverride.objects.filter(infusion=row, stop=stop).exists():
        errors["stop"] = _("This is overridden already for this infusion.")
    if not reason.strip():
        errors["reason"] = _("Say why: this is a deviation.")
    if errors:
        raise ValidationError(errors)
    if row.state != Infusion.State.PLANNED:
        raise ValidationError(_("This infusion is recorded already: nothing is overridden any more."))
    made = StopOverride.objects.create(
        infusion=row, patient=patient, stop=stop, reason=reason.strip(), requested_by=by
    )
    reasons = StopOverride.objects.filter(infusion=row).order_by("pk").values_list("reason", flat=True)
    open_deviation(
        patient=patient,
        category=ProductDeviation.Category.OVERRIDE,
        source=row,
        on=patient.trial.today,
        text=" / ".join(reasons),
        by=by,
        log=ProductDeviation,
    )
    zone = patient.trial.rules.trial.site.time_zone
    signatures.sign(target=made, meaning=Meaning.RESPONSIBILITY, password=password, by=by, zone=zone)
    return made


def overridden(infusion: Infusion) -> frozenset[Stop]:
    """Return the stops that an investigator has overridden for an infusion, with a valid signature. Two queries."""
    rows = dict(StopOverride.objects.filter(infusion=infusion).values_list("pk", "stop"))
    if not rows:
        return frozenset()
    signed = Signature.objects.filter(
        target_type=StopOverride._meta.label_lower, target_id__in=list(rows), invalidated_at=None
    ).values_list("target_id", flat=True)
    return frozenset(OVERRIDABLE[rows[key]] for key in signed)
