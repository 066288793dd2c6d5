"""Replay visits, their forms and the rows of logs: what the table leaves out stays blank."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from demo.replay.courses import FormAnswers, ReplayedVisit
from demo.replay.steps import ReplaySteps
from patients.casebook.casebook import Casebook
from patients.entry import saving
from patients.models import Patient, Visit
from patients.participation.visits import hold_visit, miss_visit


def store_visit(steps: ReplaySteps, patient: Patient, course: ReplayedVisit) -> None:
    """Record a visit as held, on its day or else the planned one, with its forms; or as missed."""
    columns = {"": course.column}
    visit = patient.visits.filter(code=course.code, number=1).first()
    if visit is None:
        sentence = f"{course.code} is not planned for this patient: leave it out."
        steps.mistakes.add(course.row.mistake(course.column, sentence))
        return
    visit.patient = patient
    with steps.as_role("coordinator") as by:
        if course.missed:
            done = steps.tried(course.row, columns, miss_visit, visit=visit, reason=course.missed, by=by)
            steps.count("visits missed", done)
            return
        on = course.on or visit.held_on or visit.planned_on
        if on is None:
            sentence = f"{course.code} has no planned day for this patient: state the day of the visit."
            steps.mistakes.add(course.row.mistake(course.column, sentence))
            return
        if visit.state != Visit.State.HELD or visit.held_on != on:
            # The reason is asked where the infusion of the visit was given on another day.
            held = steps.tried(
                course.row, columns, hold_visit, visit=visit, on=on, reason=steps.reason, by=by
            )
            if held is None:
                return
        steps.count("visits held", visit)
        _store_forms(steps, patient, visit.key, list(course.forms.values()))


def store_logs(steps: ReplaySteps, patient: Patient, rows: Sequence[FormAnswers]) -> None:
    """Enter the rows of the logs, numbered in the order of the files."""
    numbers: Counter[str] = Counter()
    for each in rows:
        numbers[each.form] += 1
        with steps.as_role("coordinator"):
            _store_forms(steps, patient, None, [each], repeat=numbers[each.form])


def _store_forms(
    steps: ReplaySteps, patient: Patient, visit: str | None, forms: Sequence[FormAnswers], repeat: int = 1
) -> None:
    if not forms:
        return
    by = steps.people["coordinator"]
    casebook = Casebook.open(user=by, trial=steps.trial, code=patient.code)
    for form in forms:
        if not form.values:
            continue
        columns = {"": next(iter(form.columns.values())), **form.columns}
        lacking: list[str] = []
        saved = steps.tried(
            form.row, columns, _saved, casebook=casebook, form=form, visit=visit, repeat=repeat, by=by,
            lacking=lacking,
        )  # fmt: skip
        steps.count("forms", saved)
        steps.report.drafts.update(set(lacking))


def _saved(
    *, casebook: Casebook, form: FormAnswers, visit: str | None, repeat: int, by: User, lacking: list[str],
    confirmed: str = "",
) -> saving.Saved:  # fmt: skip
    """Complete a form; keep it as a draft if an answer is lacking, and list those. Raises ValidationError by item."""
    place = casebook.place(form.form, visit, repeat)
    entry = saving.Entry(place=place, values=form.values, questions=confirmed)
    try:
        with transaction.atomic():
            return saving.complete(entry, by=by)
    except saving.NotComplete as found:
        impossible: dict[str, list[str]] = defaultdict(list)
        for each in found.checked.findings:
            if each.severity == "hard":
                impossible[each.item.partition("-")[0]].append(each.sentence())
        if impossible:
            raise ValidationError(dict(impossible)) from found
        lacking += [f"{form.form}.{each.item}" for each in found.checked.unanswered]
        return saving.save_draft(entry, by=by)
