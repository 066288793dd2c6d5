"""Exposure: infusions given and how they went; the dose only where the product may be shown (BLD-01)."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from dosing.models import Infusion, Preparation
from outcomes.statistics.means import median
from reports.packs.contents import DASH, PackSection, PackTable, PackView, decimal, share

MILLION = 1_000_000


def exposure(view: PackView) -> PackSection:
    """Return the infusions by number and by patient, and the doses. Two queries."""
    columns = ("patient_id", "number", "state", "started_at", "ended_at", "interrupted", "tolerated")
    rows = Infusion.objects.filter(patient__trial=view.trial, patient__enrolled_on__isnull=False)
    found = list(rows.order_by("patient__number", "number").values(*columns))
    tables = [_by_number(view, found), _by_patient(view, found)]
    return PackSection(_("Exposure"), [*tables, _doses(view)] if view.shows_product else tables)


def _by_number(view: PackView, found: list[dict[str, Any]]) -> PackTable:
    rows = []
    for number in sorted({row["number"] for row in found}):
        of_number = [row for row in found if row["number"] == number]
        label = _("Infusion %(number)d") % {"number": number}
        given = [row for row in of_number if row["state"] == Infusion.State.GIVEN]
        parts = {
            _("given"): given,
            _("not given"): [row for row in of_number if row["state"] == Infusion.State.NOT_GIVEN],
            _("interrupted"): [row for row in given if row["interrupted"] == "Y"],
            _("not well tolerated"): [row for row in given if row["tolerated"] == "N"],
        }
        rows += [
            [label, words, *(group.share(row["patient_id"] for row in part) for group in view.groups)]
            for words, part in parts.items()
        ]
        rows.append(
            [
                label,
                _("minutes, median (quartiles)"),
                *(_minutes(given, group.patients) for group in view.groups),
            ]
        )
    return PackTable(
        title=_("Infusions"),
        how=_(
            "Infusions of included patients as recorded at the bedside. Minutes: from the start to the end of an "
            "infusion given. Percentages are of the included patients of the column."
        ),
        columns=[_("Infusion"), _("Recorded as"), *view.group_titles],
        rows=rows,
        texts=(0, 1),
        empty=_("No infusion is planned yet."),
    )


def _minutes(given: list[dict[str, Any]], patients: frozenset[int]) -> str:
    lasted = [
        Decimal(int((row["ended_at"] - row["started_at"]).total_seconds() // 60))
        for row in given
        if row["patient_id"] in patients and row["started_at"] and row["ended_at"]
    ]
    return quartiles(lasted)


def quartiles(values: list[Decimal], places: int = 0) -> str:
    """Return the median with the quartiles, a dash without a value."""
    found = median(values)
    if found.value is None:
        return DASH
    parts = {"median": found.value, "low": found.low, "high": found.high}
    return _("%(median)s (%(low)s to %(high)s)") % {
        name: decimal(each, places) for name, each in parts.items()
    }


def _by_patient(view: PackView, found: list[dict[str, Any]]) -> PackTable:
    given: dict[int, int] = {row.pk: 0 for row in view.included}
    for row in found:
        given[row["patient_id"]] += row["state"] == Infusion.State.GIVEN
    rows = []
    for number in range(max(given.values(), default=-1) + 1):
        patients = [patient for patient, many in given.items() if many == number]
        rows.append([str(number), *(group.share(patients) for group in view.groups)])
    total = [
        _("Infusions given"),
        *(str(sum(given[each] for each in group.patients)) for group in view.groups),
    ]
    return PackTable(
        title=_("Infusions by patient"),
        how=_(
            "Included patients by the number of infusions recorded as given; below them all infusions given."
        ),
        columns=[_("Infusions"), *view.group_titles],
        rows=[*rows, total] if rows else [],
        strong=frozenset({len(rows)}),
        empty=_("Nobody is included yet."),
    )


def _doses(view: PackView) -> PackTable:
    per_kg: dict[int, list[tuple[int, Decimal]]] = defaultdict(list)
    below: dict[int, set[int]] = defaultdict(set)
    prepared = Preparation.objects.filter(
        patient__trial=view.trial, infusion__state=Infusion.State.GIVEN, cells_per_kg__isnull=False
    )
    columns = ("patient_id", "infusion__number", "cells_per_kg", "dose_finding")
    for patient, number, dose, finding in prepared.order_by(
        "patient__number", "infusion__number"
    ).values_list(*columns):
        per_kg[number].append((patient, dose / MILLION))
        if finding not in ("", Preparation.Finding.WITHIN):
            below[number].add(patient)
    rows = []
    for number in sorted(per_kg):
        label = _("Infusion %(number)d") % {"number": number}
        doses = [
            [dose for patient, dose in per_kg[number] if patient in group.patients] for group in view.groups
        ]
        rows.append(
            [label, _("10⁶ cells per kg, median (quartiles)"), *(quartiles(each, 2) for each in doses)]
        )
        rows.append(
            [label, _("outside the range of the protocol"),
             *(share(group.count(below[number]), len(each)) for group, each in zip(view.groups, doses, strict=True))]
        )  # fmt: skip
    return PackTable(
        title=_("Dose of cells"),
        how=_(
            "Viable cells per kilogram of the preparations of infusions given. Percentages are of these infusions."
        ),
        columns=[_("Infusion"), _("Dose"), *view.group_titles],
        rows=rows,
        texts=(0, 1),
        empty=_("No dose is recorded."),
    )
