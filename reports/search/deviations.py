"""Search for deviations by number, text and patient; those of the product only for who may know the treatment."""

import json
import re
from collections.abc import Sequence
from typing import Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from accounts.addresses import address
from audit.stored_text import CODED
from dosing.models import ProductDeviation
from patients.models import Deviation, DeviationRow, Patient
from protocol.values.months import plain
from reports.search.places import MOST, Hit
from trials.access import Access

SHORTEST, READ = 3, 200
PAGES: dict[type[DeviationRow], str] = {
    Deviation: "patients:deviation",
    ProductDeviation: "dosing:product-deviation",
}


def deviations(access: Access, text: str, patients: Sequence[Patient]) -> list[Hit]:
    """Return the deviations that a number (`D-3`) or a text names, latest first; of the given patients only, if any.

    The title of the log names every deviation. One query for each log that the person may read.
    """
    logs = [Deviation, ProductDeviation] if access.sees_treatment else [Deviation]
    found = [row for log in logs for row in _rows(access, log, text, patients)]
    return [_hit(access, row) for row in found[:MOST]]


def _rows(access: Access, log: type[Any], text: str, patients: Sequence[Patient]) -> list[Any]:
    rows = log.objects.visible_to(access.user).filter(patient__trial=access.trial)
    rows = rows.filter(patient__in=patients) if patients else rows
    rows = rows.select_related("patient").order_by("-detected_on", "-pk")
    number = re.fullmatch(rf"{log.letter}-([1-9][0-9]{{0,8}})", text, re.IGNORECASE | re.ASCII)
    if number:
        return list(rows.filter(number=int(number[1]))[:MOST])
    if len(text) < SHORTEST:
        return []
    if plain(text) in plain(_("Deviations")):
        return list(rows[:MOST])
    # Sentences of the system are stored as codes: what they say is compared in the language of the reader. SQLite
    # stores letters with accents as escapes, PostgreSQL as they are.
    rows = rows.annotate(column=Cast("description", TextField()))
    escaped = json.dumps(text)[1:-1]
    named = Q(column__icontains=text) | Q(column__icontains=escaped) | Q(column__startswith=CODED)
    return [row for row in rows.filter(named)[:READ] if plain(text) in plain(str(row.description))][:MOST]


def _hit(access: Access, row: Any) -> Hit:
    url = address(PAGES[type(row)], access.trial.slug, row.patient.code, row.number)
    name = f"{row.patient.code} {row} – {row.get_category_display()}"
    return Hit(url, name, str(row.description))
