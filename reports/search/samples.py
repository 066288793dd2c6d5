"""Search for samples and their tubes by the code on a label, or by the number of a sample; both arms give the same."""

import re
from collections.abc import Sequence

from django.db.models import Q

from accounts.addresses import address
from patients.models import Patient, Sample
from reports.search.places import MOST, Hit
from trials.access import Access
from trials.reader import shown_moment

SHORTEST = 3
NUMBER = re.compile(r"S-?([1-9][0-9]{0,5})", re.IGNORECASE | re.ASCII)


def samples(access: Access, text: str, patients: Sequence[Patient]) -> list[Hit]:
    """Return the samples that a code names, of a tube too, or `S-3` of the given patients; latest first. One query.

    A part of a code is enough, blanks and hyphens in it do not count.
    """
    code = "".join(sign for sign in text if sign.isalnum()).upper()
    number = NUMBER.fullmatch(text)
    named = Q()
    if len(code) >= SHORTEST and any(sign.isdigit() for sign in code):
        named |= Q(code__icontains=code) | Q(aliquots__code__icontains=code)
    if number:
        named |= Q(number=int(number[1]))
    if not named:
        return []
    rows = Sample.objects.visible_to(access.user).filter(named, patient__trial=access.trial)
    rows = rows.filter(patient__in=patients) if patients else rows
    found = rows.select_related("patient", "visit").order_by("-pk").distinct()[:MOST]
    return [_hit(access, row) for row in found]


def _hit(access: Access, row: Sample) -> Hit:
    url = address("patients:sample", access.trial.slug, row.patient.code, row.number)
    note = shown_moment(row.collected) if row.collected else row.not_collected_reason
    return Hit(url, f"{row.patient.code} {row.visit.key} – {row.code}", note)
