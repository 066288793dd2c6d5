"""The table of baseline characteristics as papers print it: n (%), mean (SD), median (quartiles), missing values."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from exports.selection import EVERYTHING
from exports.tables.baseline import Baselines, Start, moment_item
from outcomes.statistics.means import mean, standard_deviation
from patients.models import Record
from protocol.document.analysis import BaselinePlan
from protocol.document.items import Item
from protocol.values.labels import code_words, unit_words
from protocol.values.parsing import decimal as number_of
from reports.packs.contents import DASH, PackSection, PackTable, PackView, decimal, share
from reports.packs.exposure import quartiles
from trials.models import ProtocolVersion

ONE_OF = ("choice", "yes_no")
Values = dict[int, Any]
"""Stored value by patient."""

MOST_PLACES = 3
"""Decimals of a range at most: a calculated value may have any number of them."""


class BaselinesOfIncluded(Baselines):
    """Baselines of the table, which is about all included patients.

    Of one without the infusion the values up to the day of inclusion count. A form that has no item for the time of its
    values, such as demography, counts on the day of the infusion too: screening and infusion may be on one day.
    """

    def __init__(self, view: PackView) -> None:
        versions = (
            ProtocolVersion.objects.filter(trial=view.trial).defer("text").order_by("effective_from", "pk")
        )
        super().__init__(view.trial, list(versions), EVERYTHING)
        self.included = view.included

    @cached_property
    def _starts(self) -> dict[int, Start]:
        known = dict(self._given)
        for row in self.included:
            if row.enrolled_on is not None:
                after = row.enrolled_on + timedelta(days=1)
                known.setdefault(row.pk, Start(after, datetime.combine(after, time(), self.trial.zone)))
        return known

    def _same_day(self, plan: BaselinePlan, form: str) -> bool:
        return plan.same_day or not moment_item(plan, form)


def baseline(view: PackView) -> PackSection:
    """Return the characteristics of the included patients. One query for each form, and three."""
    plan = view.rules.baseline or BaselinePlan()
    paths = [path for path in plan.table or _by_profile(view) if _known(view, path)]
    values = _values(view, paths)
    rows: list[list[str]] = []
    strong = set()
    for path in paths:
        item = view.rules.item(path)
        strong.add(len(rows))
        rows += _lines(view, item, values[path])
    table = PackTable(
        title=_("Characteristics at baseline"),
        how=_(
            "Included patients. Numbers: n, mean (standard deviation), median (quartiles, averages at steps) and "
            "range; mean and quartiles with one decimal more than was recorded. Answers from a list: n (%%) of the "
            "known ones. The value is the last one before infusion %(number)d started ([baseline] of the protocol "
            "file), without that infusion the last one up to the day of inclusion. Forms without the time of their "
            "values count on that day too. Results beyond a limit of the laboratory count as missing."
        )
        % {"number": plan.before_infusion},
        columns=[_("Characteristic"), *view.group_titles],
        rows=rows,
        strong=frozenset(strong),
        empty=_("The protocol names no item for this table."),
    )
    return PackSection(_("Baseline"), [table])


def _by_profile(view: PackView) -> list[str]:
    """Return what the table holds if the protocol does not say it: the items of the profile of a patient."""
    profile = view.rules.profile
    return [path for path in (profile.age, profile.sex, profile.weight, *profile.labs) if path]


def _known(view: PackView, path: str) -> bool:
    form, _dot, name = path.partition(".")
    return form in view.rules.forms and name in view.rules.form(form)


def _values(view: PackView, paths: Iterable[str]) -> dict[str, Values]:
    """Return by path the baseline of each included patient."""
    names: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        form, _dot, name = path.partition(".")
        names[form].add(name)
    known, found = BaselinesOfIncluded(view), defaultdict[str, Values](dict)
    if known.plan is None:
        known.plan = BaselinePlan()
    for form, wanted in names.items():
        held = {pk: wanted.intersection(items.split()) for pk, items in known.of_form(form).items()}
        rows = Record.objects.filter(pk__in=[pk for pk, items in held.items() if items]).order_by("pk")
        for pk, patient, values in rows.values_list("pk", "patient_id", "values"):
            for name in held[pk]:
                found[f"{form}.{name}"][patient] = values[name]
    return found


def _lines(view: PackView, item: Item, values: Values) -> list[list[str]]:
    if item.type in ONE_OF:
        return _of_choices(view, item, values)
    return _of_numbers(view, item, values)


def _of_numbers(view: PackView, item: Item, values: Values) -> list[list[str]]:
    unit = unit_words(item.unit or "", _)
    label = view.words(item.label)
    known = {patient: number for patient, value in values.items() if (number := number_of(value)) is not None}
    of_group = [
        [known[patient] for patient in sorted(group.patients) if patient in known] for group in view.groups
    ]
    places = min(MOST_PLACES, max((_places(number) for number in known.values()), default=0))
    missing = [len(group) - len(numbers) for group, numbers in zip(view.groups, of_group, strict=True)]
    head = [f"{label} ({unit})" if unit else label, *(str(len(numbers)) for numbers in of_group)]
    if not any(of_group):
        return [head, [_("missing"), *map(str, missing)]]
    return [
        head,
        [_("mean (SD)"), *(_mean(numbers, places + 1) for numbers in of_group)],
        [_("median (quartiles)"), *(quartiles(numbers, places + 1) for numbers in of_group)],
        [_("range"), *(_range(numbers, places) for numbers in of_group)],
        *([[_("missing"), *map(str, missing)]] if any(missing) else []),
    ]


def _places(number: Decimal) -> int:
    """Return the decimals with which a value was recorded."""
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _mean(numbers: list[Decimal], places: int) -> str:
    if not numbers:
        return DASH
    return f"{decimal(mean(numbers).value, places)} ({decimal(standard_deviation(numbers), places)})"


def _range(numbers: list[Decimal], places: int) -> str:
    if not numbers:
        return DASH
    low, high = (decimal(float(end), places) for end in (min(numbers), max(numbers)))
    ends = {"low": low, "high": high}
    return _("%(low)s to %(high)s") % ends


def _of_choices(view: PackView, item: Item, values: Values) -> list[list[str]]:
    known = {patient: value for patient, value in values.items() if isinstance(value, str) and value}
    codes = [*item.codes, *sorted(set(known.values()) - set(item.codes))]
    of_group = [group.patients.intersection(known) for group in view.groups]
    missing = [len(group) - len(patients) for group, patients in zip(view.groups, of_group, strict=True)]

    def line(code: str) -> list[str]:
        return [
            share(sum(known[patient] == code for patient in patients), len(patients)) for patients in of_group
        ]

    # Of a yes or no papers print the yes.
    if item.type == "yes_no":
        head = [[view.words(item.label), *line("Y")]]
    else:
        head = [
            [view.words(item.label), *(str(len(patients)) for patients in of_group)],
            *(
                [code_words(code, item, view.language, _), *line(code)]
                for code in codes
                if code in known.values()
            ),
        ]
    return [*head, *([[_("missing"), *map(str, missing)]] if any(missing) else [])]
