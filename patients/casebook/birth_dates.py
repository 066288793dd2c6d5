"""The age in a form compared with the date of birth, which only those with the right to identities read.

The finding says that they disagree, and nothing of the date of birth.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from patients.casebook.casebook import Casebook, FormPlace
from patients.system_texts import AGE_DISAGREES
from protocol.document.items import path
from protocol.values.moments import Moment, years_between
from protocol.values.parsing import CheckFinding, decimal

BIRTH_DATE = "birth_date"


def birth_date_findings(
    casebook: Casebook, place: FormPlace, values: Mapping[str, Any]
) -> Iterator[CheckFinding]:
    """Yield a finding if the age in the form that asks it cannot be the age at a consent or screening."""
    item = (place.protocol.rules.profile.age or "").partition(".")[2]
    years = decimal(values.get(item))
    if years is None:
        return
    born = casebook.birth_date
    if born and not _agrees(born, int(years), casebook):
        yield CheckFinding(path(item), BIRTH_DATE, "soft", AGE_DISAGREES)


def _agrees(born: str, years: int, casebook: Casebook) -> bool:
    zone = str(casebook.patient.trial.zone)
    days = [Moment.from_date(casebook.patient.screened_on, zone)]
    days += [Moment.from_iso(consent.given, zone) for consent in casebook.consents]
    try:
        ranges = [years_between(Moment.from_iso(born, zone), day, zone) for day in days]
    except ValueError:
        # A text of an older version that is no date.
        return True
    return min(fewest for fewest, _most in ranges) <= years <= max(most for _fewest, most in ranges)
