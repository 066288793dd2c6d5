"""Laboratory results of patients with their CTCAE grades, limits and baseline (LAB-01 to LAB-03)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from patients.casebook.range_flags import subjects_of
from patients.models import Patient, Record
from patients.participation.milestones import milestones
from protocol.document.document import Protocol
from protocol.document.items import Form, Item
from protocol.values.intervals import Interval
from protocol.values.moments import Moment, before
from protocol.values.parsing import moment, number_or_interval
from protocol.values.reference_ranges import (
    SAMPLED,
    RangeBook,
    RangeSubject,
    bounds,
    laboratory_of,
)
from safety.grading import CannotGrade, LabGrade, grade, printed
from trials.laboratories.ranges import book_of
from trials.models import ProtocolVersion, Trial

COLUMNS = (
    "pk", "patient_id", "protocol_id", "form", "repeat", "state", "values",
    "visit__code", "visit__number", "visit__held_on", "visit__planned_on",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """The form that holds a result: its record, visit and state, and when the sample was taken."""

    record: int
    patient: Patient
    form: Form
    repeat: int
    state: str
    visit: tuple[str, int] | None
    taken: Moment | None
    # The earliest moment of the sample; without one, the beginning of time. Computed once for all results of a form.
    sort_key: datetime


@dataclass(slots=True, eq=False)
class LabResult:
    """One number of a laboratory item, in the unit of the item, with its limits and its baseline.

    Nothing changes one that `results_of` returned. It is not frozen: a page makes thousands, and a frozen one takes
    four times as long to make.
    """

    place: Place
    item: Item
    # The path of the item: `biochemistry.alt`.
    path: str
    ctcae: str
    stored: Any
    lies: Decimal | Interval
    low: Decimal | None
    high: Decimal | None
    baseline: Decimal | Interval | None = None
    is_baseline: bool = False

    def grade(self, term: str) -> LabGrade:
        """Return the grade of the result. Raises CannotGrade."""
        return grade(
            term,
            self.lies,
            unit=self.item.unit or "",
            low=self.low,
            high=self.high,
            baseline=self.baseline,
            version=self.ctcae,
        )

    def facts(self, found: int | None) -> tuple[Any, ...]:
        """Return the basis of a decision on the result, as `LaboratoryDecision` stores it."""
        bounds_and_baseline = (self.low, self.high, self.baseline)
        texts = ("" if each is None else printed(each) for each in bounds_and_baseline)
        return printed(self.lies), self.item.unit or "", *texts, self.ctcae, found


_NEVER = datetime.fromisoformat("0001-01-01T00:00:00+00:00")


def results_of(trial: Trial, patients: Sequence[Patient], *, only: str = "") -> dict[int, list[LabResult]]:
    """Return the graded items' results by patient key, in order of their samples. Forms struck out are left out.

    only: the path of one item (`biochemistry.crp`), graded or not, to which the results are limited. Six queries,
    whatever the number of results.
    """
    by_key = {patient.pk: patient for patient in patients}
    known = _Known.of(trial, patients, only)
    found: dict[int, list[LabResult]] = {key: [] for key in by_key}
    for row in _rows(trial, known.forms, list(by_key)):
        found[row["patient_id"]].extend(known.results(row, by_key[row["patient_id"]]))
    starts = _starts(trial, patients)
    return {key: _with_baselines(each, starts.get(key)) for key, each in found.items()}


def _rows(trial: Trial, forms: Iterable[str], patients: list[int]) -> Iterable[dict[str, Any]]:
    rows = Record.objects.filter(patient__trial=trial, patient__in=patients, form__in=sorted(forms))
    return rows.exclude(state=Record.State.STRUCK_OUT).order_by("pk").values(*COLUMNS)


@dataclass(frozen=True)
class _Known:
    """The facts with which a record is read: the rules of its version, the ranges, the sex and ages of the patients."""

    rules: Mapping[int, Protocol]
    # By version and form each item with its path.
    graded: Mapping[tuple[int, str], tuple[tuple[Item, str], ...]]
    book: RangeBook
    subjects: Mapping[int, RangeSubject]

    @classmethod
    def of(cls, trial: Trial, patients: Sequence[Patient], only: str = "") -> "_Known":
        rules = {row.pk: row.rules for row in ProtocolVersion.objects.filter(trial=trial).defer("text")}
        graded = {
            (key, form.code): tuple((item, f"{form.code}.{item.name}") for item in items)
            for key, each in rules.items()
            for form in each.forms.values()
            if (items := _items(form, only))
        }
        return cls(rules, graded, book_of(trial), subjects_of(trial, [patient.pk for patient in patients]))

    @property
    def forms(self) -> set[str]:
        """Return the codes of the forms with graded items."""
        return {form for _version, form in self.graded}

    def results(self, row: Mapping[str, Any], patient: Patient) -> Iterator[LabResult]:
        """Yield the results of one record: a missing, blank or unreadable one is none."""
        rules = self.rules[row["protocol_id"]]
        items = self.graded.get((row["protocol_id"], row["form"]), ())
        if not items:
            return
        place = _place(row, patient, rules)
        values, subject = row["values"], self.subjects.get(patient.pk, RangeSubject())
        laboratory = laboratory_of(place.form, values, self.book.default)
        on, ctcae = place.taken.first_day if place.taken else None, rules.safety.ctcae
        find = self.book.finder(laboratory=laboratory, subject=subject, on=on)
        for item, path in items:
            lies = number_or_interval(values.get(item.name), item)
            if lies is None:
                continue
            found = find(path)
            low, high = (bounds(found, item) if found else None) or (None, None)
            yield LabResult(place, item, path, ctcae, values[item.name], lies, low, high)


def _items(form: Form, only: str) -> tuple[Item, ...]:
    """Return the graded items of a form, or the one item of the path `only` if the form has it."""
    if only:
        code, _dot, name = only.partition(".")
        return tuple(item for item in form.items if (form.code, item.name) == (code, name))
    return tuple(item for item in form.items if item.ctcae)


def _place(row: Mapping[str, Any], patient: Patient, rules: Protocol) -> Place:
    form, zone = rules.form(row["form"]), rules.trial.site.time_zone
    visit = (row["visit__code"], row["visit__number"]) if row["visit__code"] else None
    day = row["visit__held_on"] or row["visit__planned_on"]
    taken = _sampled(form, row["values"], zone) or (Moment.from_date(day, zone) if day else None)
    at = taken.earliest if taken else _NEVER
    return Place(row["pk"], patient, form, row["repeat"], row["state"], visit, taken, at)


def _sampled(form: Form, values: Mapping[str, Any], zone: str) -> Moment | None:
    """Return when the sample was taken: the first date or time of the form that has a value."""
    dated = (moment(values.get(item.name), zone) for item in form.items if item.type in SAMPLED)
    return next((each for each in dated if each is not None), None)


def _starts(trial: Trial, patients: Sequence[Patient]) -> dict[int, Moment]:
    """Return by patient key the moment before which the baseline is taken: see `[safety] baseline` in the file."""
    if trial.rules.safety.baseline == "inclusion":
        # The day of inclusion belongs to the baseline: what was taken before the next day counts.
        zone = trial.rules.trial.site.time_zone
        days = ((patient.pk, patient.enrolled_on) for patient in patients)
        return {
            key: Moment.from_date(date.fromordinal(day.toordinal() + 1), zone) for key, day in days if day
        }
    given = milestones(patients)
    infusions = {key: [each for each in found if each.kind == "infusion"] for key, found in given.items()}
    return {key: found[0].at for key, found in infusions.items() if found}


def _with_baselines(results: list[LabResult], start: Moment | None) -> list[LabResult]:
    """Return the results in order of their samples, those after the start with their baseline.

    The baseline is the last value that was surely taken before the start; it and the values before it are judged by
    the limits of the laboratory.
    """
    ordered = sorted(results, key=lambda each: each.place.sort_key)
    if start is None:
        return ordered
    baselines: dict[str, LabResult] = {}
    later: list[LabResult] = []
    # All results of a form were taken at one time.
    places = {each.place.record: each.place.taken for each in ordered}
    earlier = {key for key, taken in places.items() if taken is not None and before(taken, start)}
    for each in ordered:
        if each.place.record in earlier:
            baselines[each.path] = each
        else:
            later.append(each)
    # The results were made for this list, so they are completed here: to make each again takes longer than to grade it.
    for each in later:
        found = baselines.get(each.path)
        if found is not None:
            each.baseline = found.lies
    for found in baselines.values():
        found.is_baseline = True
    return ordered


def graded(result: LabResult, term: str) -> tuple[LabGrade | None, CannotGrade | None]:
    """Return the grade of a result, or why it has none."""
    try:
        return result.grade(term), None
    except CannotGrade as refused:
        # Its traceback would keep the frames of a thousand gradings until the page is sent.
        return None, refused.with_traceback(None)
