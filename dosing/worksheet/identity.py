"""Two identifiers of a patient, compared with what was typed or scanned; no stored identifier is shown (CEL-13)."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from dosing.models import KitCheck
from patients.models import Identity, Patient
from protocol.values.likeness import number_key

Identifier = KitCheck.Identifier


def compared(patient: Patient, *, subject: str, second: str, sees_identity: bool) -> Identifier:
    """Return by which second identifier the patient was identified, besides the subject code.

    The second one is the year of birth; for those who may see who the patient is, the hospital number or the name too.
    Raises ValidationError by field for one that is missing or does not fit. Two queries at most: nothing is read.
    """
    errors = {}
    if not subject.strip():
        errors["subject"] = _("Scan or type the subject code.")
    elif subject.strip().casefold() != patient.code.casefold():
        errors["subject"] = _("“%(typed)s” is not the patient of this order, %(patient)s. Stop here.") % {
            "typed": subject.strip()[:40],
            "patient": patient.code,
        }
    found = _second(patient, second.strip(), sees_identity=sees_identity)
    if found is None:
        errors["second"] = _refusal(patient, second.strip(), sees_identity=sees_identity)
    if errors or found is None:
        raise ValidationError(errors)
    return found


def is_year_unknown(patient: Patient) -> bool:
    """Return True if no date of birth is recorded: the laboratory has no second identifier to compare. One query."""
    return not Identity.objects.filter(patient=patient).exclude(birth_date="").exists()


def _second(patient: Patient, typed: str, *, sees_identity: bool) -> Identifier | None:
    # Asked of the database, not read: nobody learns an identifier by comparing it.
    rows = Identity.objects.filter(patient=patient)
    if _is_year(typed) and rows.filter(birth_date__startswith=typed).exists():
        return Identifier.BIRTH_YEAR
    if not sees_identity or not typed:
        return None
    key = number_key(typed)
    if key and rows.filter(number_key=key).exists():
        return Identifier.HOSPITAL_NUMBER
    return Identifier.NAME if rows.filter(name__iexact=" ".join(typed.split())).exists() else None


def _is_year(typed: str) -> bool:
    return len(typed) == 4 and typed.isascii() and typed.isdigit()


def _refusal(patient: Patient, typed: str, *, sees_identity: bool) -> str:
    if not typed:
        return (
            _("Type the year of birth, the hospital number or the name.")
            if sees_identity
            else _("Type the year of birth, with four digits.")
        )
    if not sees_identity and is_year_unknown(patient):
        return _("No date of birth is recorded for this patient: ask the ward to record it.")
    return _("This does not fit patient %(patient)s. Stop here and compare order and patient.") % {
        "patient": patient.code
    }
