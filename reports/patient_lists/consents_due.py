"""Who has to consent again, and since when (ICH E6(R3) §2.8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from audit.trail import history_model
from patients.models import Consent, Patient


@dataclass(frozen=True, slots=True)
class ConsentDue:
    """A consent that a patient still has to give. amended_on, regained_on: since when, for each of the two reasons.

    version: of the consent to sign; after regained capacity without an amendment the one that was signed before.
    """

    amended_on: date | None
    regained_on: date | None
    version: str

    @property
    def what(self) -> str:
        """Return the due consent as a sentence."""
        told = {"version": self.version}
        if self.regained_on and self.amended_on:
            return _("Own consent after regained capacity, to the amended version %(version)s") % told
        if self.regained_on:
            return (
                _("Own consent after regained capacity")
                if not self.version
                else _("Own consent after regained capacity, to version %(version)s") % told
            )
        return _("Consent to the amended version %(version)s") % told

    @property
    def since(self) -> date | None:
        """Return the first day on which a consent was due."""
        return min((day for day in (self.amended_on, self.regained_on) if day), default=None)


def consents_due(patients: Sequence[Patient]) -> dict[int, ConsentDue]:
    """Return by patient the consent that is due. One query.

    Reads the annotations of `reports.home.selection.reconsent_due`: type, version and regained capacity of the consent
    in force.
    """
    asked = _asked_on(patients)
    found = {}
    for patient in patients:
        named = patient.reconsent_version
        amended = bool(named) and patient.consent_version != named  # type: ignore[attr-defined]
        own = patient.consent_type == Consent.Type.PATIENT  # type: ignore[attr-defined]
        regained = None if own else patient.capacity  # type: ignore[attr-defined]
        version = named or patient.consent_version or ""  # type: ignore[attr-defined]
        found[patient.pk] = ConsentDue(asked.get(patient.pk) if amended else None, regained, version)
    return found


def _asked_on(patients: Sequence[Patient]) -> dict[int, date]:
    """Return by patient the day on which an amendment asked for the version that is still to be signed."""
    rows = history_model(Patient)._default_manager.filter(id__in=[each.pk for each in patients])
    zones = {patient.pk: patient.trial.zone for patient in patients}
    last, found = dict[int, str](), dict[int, date]()
    for key, version, at in rows.order_by("history_id").values_list(
        "id", "reconsent_version", "history_date"
    ):
        if version != last.get(key, ""):
            found[key] = at.astimezone(zones[key]).date()
        last[key] = version
    return found
