"""Signed results whose reference range was corrected since: the flag that was signed stays (LAB-03, SIG-03)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from django.db.models import Max, Q, Subquery

from audit.models import Signature
from audit.trail import history_model
from patients.models import Record
from protocol.values.reference_ranges import RangeBook, Readings
from trials.laboratories.range_history import books_at
from trials.models import ReferenceRange, Trial

TARGET = ("target_type", "target_id")
Reader = Callable[[Record, RangeBook], Readings]
"""Returns how the values of a record compare with the ranges of a book."""


def signed_before_corrections(trial: Trial, records: Iterable[Record]) -> dict[int, datetime]:
    """Return by record when it was last signed, if the signature holds and a range changed after it. One query.

    A signature on the visit or the casebook counts too. Signing again sees the ranges as corrected until then.
    """
    rows = list(records)
    if not rows:
        return {}
    ranges = history_model(ReferenceRange)._default_manager.filter(history_trial=trial.pk).order_by()
    newest = ranges.values("history_trial").annotate(newest=Max("history_date")).values("newest")
    keys = {
        "patients.record": {row.pk for row in rows},
        "patients.visit": {row.visit_id for row in rows if row.visit_id is not None},
        "patients.patient": {row.patient_id for row in rows},
    }
    targets = Q()
    for name, ids in keys.items():
        targets |= Q(target_type=name, target_id__in=ids)
    valid = Signature.objects.filter(targets, invalidated_at=None).annotate(changed=Subquery(newest))
    known = list(valid.order_by("pk").values_list(*TARGET, "signed_at", "changed"))
    signed = {(kind, key): at for kind, key, at, _changed in known}
    changed: datetime | None = known[-1][-1] if known else None
    if changed is None:
        return {}
    found = {}
    for row in rows:
        places = (
            ("patients.record", row.pk),
            ("patients.visit", row.visit_id),
            ("patients.patient", row.patient_id),
        )
        moments = [signed[place] for place in places if place in signed]
        if covering := [at for at in moments if at >= row.created_at]:
            found[row.pk] = max(covering)
    return {key: at for key, at in found.items() if at < changed}


def with_signed_readings(
    trial: Trial, records: Iterable[Record], now: Mapping[int, Readings], read: Reader
) -> dict[int, Readings]:
    """Return the readings of records; of a signed one those that were signed, each with the one of now if it differs.

    One query, and two more if a range changed after a signature on one of them.
    """
    rows = {row.pk: row for row in records}
    moments = signed_before_corrections(trial, rows.values())
    books = books_at(trial, moments.values())
    found = dict(now)
    for key, moment in moments.items():
        signed, latest = read(rows[key], books[moment]), now[key]
        found[key] = {
            name: replace(signed[name], now=reading) if signed[name] != reading else reading
            for name, reading in latest.items()
        }
    return found
