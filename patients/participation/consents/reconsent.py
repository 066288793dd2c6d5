"""Re-consent: an amendment may ask participating patients to sign the current version of the consent form."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from patients.models import Consent, Patient


def version_to_sign(patient: Patient, consent: Consent | None) -> str:
    """Return the version of the consent form the patient still has to sign, empty if there is none."""
    requested = patient.reconsent_version
    return "" if not requested or (consent is not None and consent.version == requested) else requested


def reconsent_message(patient: Patient, consent: Consent | None) -> str:
    """Return the message that the patient has to sign again before anything is entered, empty if not."""
    version = version_to_sign(patient, consent)
    if not version:
        return ""
    text = _("%(patient)s has to sign version %(version)s of the consent form: record that consent first.")
    return text % {"patient": patient.code, "version": version}


def refuse_without_reconsent(patient: Patient) -> None:
    """Raise ValidationError while the patient has to sign again. One query if an amendment asked for it."""
    if patient.reconsent_version:
        latest = patient.consents.not_in_error().order_by("-given_at", "-pk").first()
        if words := reconsent_message(patient, latest):
            raise ValidationError(words)
