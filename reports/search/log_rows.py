"""Search for rows of the logs (medication, episodes …) by a word of their answers, for everybody."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from patients.casebook.navigation import form_address
from patients.models import Patient, Record
from protocol.values.months import plain
from reports.search.places import MOST, Hit
from trials.access import Access
from trials.reader import reader_language

SHORTEST, READ = 3, 200


def log_rows(access: Access, text: str, patients: Sequence[Patient]) -> list[Hit]:
    """Return the rows of logs with an answer that holds the text, latest first; of the given patients only, if any.

    One query.
    """
    if len(text) < SHORTEST:
        return []
    rows = Record.objects.visible_to(access.user).filter(patient__trial=access.trial, visit=None)
    rows = rows.exclude(state=Record.State.STRUCK_OUT)
    if patients:
        rows = rows.filter(patient__in=patients)
    # SQLite stores letters with accents as escapes, PostgreSQL as they are.
    escaped = json.dumps(text)[1:-1]
    rows = rows.annotate(answers=Cast("values", TextField()))
    rows = rows.filter(Q(answers__icontains=text) | Q(answers__icontains=escaped))
    hits = []
    for record in rows.select_related("patient").order_by("-pk")[:READ]:
        answer = next((each for each in _texts(record.values) if plain(text) in plain(each)), "")
        if answer:
            hits.append(_hit(access, record, answer))
    return hits[:MOST]


def _texts(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield the answers that are texts; the codes of missing answers and units are not."""
    return (value for value in values.values() if isinstance(value, str))


def _hit(access: Access, record: Record, answer: str) -> Hit:
    versions = access.trial.all_rules
    rules = [versions[record.protocol_id], *versions.values()]
    title = next(each.form(record.form) for each in rules if record.form in each.forms).title
    named = {
        "code": record.patient.code,
        "form": title.in_language(reader_language()),
        "number": record.repeat,
    }
    url = form_address(record.patient, record.form, None, record.repeat, slug=access.trial.slug)
    return Hit(url, _("%(code)s %(form)s, row %(number)d") % named, answer)
