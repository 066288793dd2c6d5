"""Signing again: an amendment may ask patients who take part for the current version of the consent form."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from patients.models import Consent, Patient


def version_to_sign(patient: Patient, consent: Consent | None) -> str:
    """Return the version of the form the patient still has to sign, empty when there is none."""
    wanted = patient.reconsent_version
    return "" if not wanted or (consent is not None and consent.version == wanted) else wanted


def sentence(patient: Patient, consent: Consent | None) -> str:
    """Return why nothing is entered until the patient has signed again, empty when nothing stands in the way."""
    version = version_to_sign(patient, consent)
    if not version:
        return ""
    text = _("%(patient)s has to sign version %(version)s of the consent form: record that consent first.")
    return text % {"patient": patient.code, "version": version}


def refuse_without_reconsent(patient: Patient) -> None:
    """Raise ValidationError while the patient has to sign again. One query when an amendment asks for it."""
    if patient.reconsent_version:
        latest = patient.consents.order_by("-given_at", "-pk").first()
        if words := sentence(patient, latest):
            raise ValidationError(words)
