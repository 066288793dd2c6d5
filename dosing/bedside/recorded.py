"""The bedside record of an infusion, as tables to sign and to print. Both arms share it.

The casebook signature covers these rows, so the signer reads them: steps, observations with late and missed ones,
checklists, decisions. What was struck out is told last, with its reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from dosing.bedside.gaps import CHECKLIST, TIME, checklist_words, point_words
from dosing.bedside.grid import DuePoint, PointState
from dosing.bedside.ledger import Ledger, ledgers_of
from dosing.bedside.observation_lines import POINTS, shown_value
from dosing.labels import infusion_facts
from dosing.models import (
    BedsideGap,
    BedsideObservation,
    Infusion,
    InfusionEventCheck,
    InfusionStep,
    StopDecision,
)
from dosing.models.bedside import BedsideRow
from patients.casebook.signed_parts import SignedPart, SignedTable
from patients.models import Patient
from protocol.values.labels import headed
from trials.reader import reader_language, shown_moment, shown_number

KINDS: tuple[type[BedsideRow], ...] = (
    InfusionStep,
    BedsideObservation,
    InfusionEventCheck,
    StopDecision,
    BedsideGap,
)


def signed_infusions(patient: Patient) -> Iterator[SignedPart]:
    """Yield the infusions of a patient with what was recorded of each. Seven queries, and one for a death."""
    rows = list(Infusion.objects.filter(patient=patient).order_by("number"))
    tables = tables_of(patient, rows)
    for row in rows:
        row.patient = patient
        yield SignedPart(
            title=_("Infusion %(number)s") % {"number": row.number},
            address=reverse("dosing:infusion", args=[patient.trial.slug, patient.code, row.number]),
            state=str(row.get_state_display()),
            facts=tuple((label, str(value)) for label, value in infusion_facts(row)),
            tables=tables[row.pk],
        )


def tables_of(patient: Patient, infusions: Iterable[Infusion]) -> dict[int, tuple[SignedTable, ...]]:
    """Return by infusion the tables of what was recorded at the bedside, without empty ones.

    Five queries, and one for a death; none without infusions.
    """
    rows = list(infusions)
    if not rows:
        return {}
    every = {model: _by_infusion(model, rows) for model in KINDS}
    now, ledgers = timezone.now(), ledgers_of(patient, rows, every)
    return {row.pk: tuple(_tables(ledgers[row.pk], every, now)) for row in rows}


def _by_infusion(model: type[BedsideRow], rows: list[Infusion]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {row.pk: [] for row in rows}
    kept = model.objects.filter(infusion__in=rows).select_related("recorded_by").order_by("at", "pk")
    for each in kept:
        found[each.infusion_id].append(each)
    return found


def _tables(
    ledger: Ledger, every: Mapping[type[BedsideRow], Mapping[int, list[Any]]], now: datetime
) -> Iterator[SignedTable]:
    key = ledger.infusion.pk
    in_force = {model: [row for row in every[model][key] if not row.struck_out] for model in KINDS}
    struck = [row for model in KINDS for row in every[model][key] if row.struck_out]
    for table in (
        _steps(ledger),
        _observations(ledger, now),
        *(_checklist(check, ledger) for check in ledger.checks),
        _decisions(in_force[StopDecision], ledger),
        _gaps(in_force[BedsideGap], ledger),
        _struck(struck, ledger),
    ):
        if table.rows:
            yield table


def _at(moment: datetime | None, ledger: Ledger) -> str:
    return shown_moment(moment, ledger.infusion.patient.trial.zone) if moment else ""


def _by(row: BedsideRow) -> str:
    return str(row.recorded_by.full_name)


def _steps(ledger: Ledger) -> SignedTable:
    heads = (_("At"), _("Step"), _("Rate or volume"), _("Reason"), _("Recorded by"))
    rows = []
    for step in ledger.steps:
        unit = "mL" if step.kind == InfusionStep.Kind.STOPPED else "mL/h"
        value = f"{shown_number(step.value)} {unit}" if step.value is not None else ""
        reasons = " ".join(filter(None, [step.reason, step.timing_reason]))
        rows.append((_at(step.at, ledger), str(step.get_kind_display()), value, reasons, _by(step)))
    return SignedTable(_("Course"), heads, tuple(rows))


def _observations(ledger: Ledger, now: datetime) -> SignedTable:
    """Return the grid of the planned times, late and missed ones marked, then what was observed at other times."""
    language, items = reader_language(), ledger.plan.items
    names = tuple(headed(item.label.in_language(language), item.unit, _) for item in items)
    heads = (_("Planned for"), _("Status"), _("Taken"), *names, _("Recorded by"))
    taken = {row.point: row for row in ledger.observations if row.point}
    # Before the start of the infusion nothing is planned yet: only what was taken is told.
    points = ledger.points(now) if ledger.started else [each for each in ledger.points(now) if each.taken]
    rows = [_observed(_planned(point, ledger), taken.get(point.code), ledger) for point in points]
    others = [row for row in ledger.observations if not row.point]
    rows += [_observed((_("Another time"), str(POINTS[PointState.TAKEN][0])), row, ledger) for row in others]
    return SignedTable(_("Observations"), heads, tuple(rows))


def _planned(point: DuePoint, ledger: Ledger) -> tuple[str, str]:
    words = point_words(point.after, point.minutes)
    due = _at(point.due, ledger)
    return (f"{words} ({due})" if due else words), str(POINTS[point.state][0])


def _observed(planned: tuple[str, str], row: BedsideObservation | None, ledger: Ledger) -> tuple[str, ...]:
    language = reader_language()
    values = [
        shown_value(row.values[item.name], item, language) if row and item.name in row.values else ""
        for item in ledger.plan.items
    ]
    return (*planned, _at(row.at, ledger) if row else "", *values, _by(row) if row else "")


def _checklist(check: InfusionEventCheck, ledger: Ledger) -> SignedTable:
    language = reader_language()
    words = {"Y": _("Yes"), "N": _("No")}
    known = {event.code: event.text.in_language(language) for event in ledger.plan.events}
    rows = tuple(
        (known.get(code, code), words.get(answer, answer), check.notes.get(code, ""))
        for code, answer in check.answers.items()
    )
    told = {"title": checklist_words(check.hours), "at": _at(check.at, ledger), "name": _by(check)}
    return SignedTable(_("%(title)s: %(at)s, %(name)s") % told, (_("Event"), _("Answer"), _("Note")), rows)


def _decisions(rows: list[Any], ledger: Ledger) -> SignedTable:
    language = reader_language()
    known = {rule.code: rule.text.in_language(language) for rule in ledger.plan.stopping_rules}
    met = {row.pk: row for row in ledger.observations}
    told = []
    for row in rows:
        seen = met.get(row.observation_id)
        rules = ", ".join(known.get(code, code) for code in (seen.rules_met if seen else []))
        told.append((_at(row.at, ledger), rules, str(row.get_choice_display()), row.reason, _by(row)))
    heads = (_("At"), _("Stopping rule"), _("Decision"), _("Reason"), _("Decided by"))
    return SignedTable(_("Decisions on proposed stops"), heads, tuple(told))


def _gaps(rows: list[Any], ledger: Ledger) -> SignedTable:
    heads = (_("Missing"), _("Decision"), _("Reason"), _("At"), _("Decided by"))
    told = tuple(
        (gap_words(row.gap, ledger), str(row.get_choice_display()), row.reason, _at(row.at, ledger), _by(row))
        for row in rows
    )
    return SignedTable(_("Decisions on what is missing"), heads, told)


def gap_words(gap: str, ledger: Ledger) -> str:
    """Return the name of a stored gap: a planned time, or a checklist; its code if the plan has it no more."""
    if gap.startswith(CHECKLIST):
        return checklist_words(int(gap.removeprefix(CHECKLIST)))
    code = gap.removeprefix(TIME)
    times = (time for time in ledger.plan.times if time.code == code)
    return next((point_words(time.after, time.minutes) for time in times), code)


def _struck(rows: list[Any], ledger: Ledger) -> SignedTable:
    told = tuple(
        (_at(row.at, ledger), _kind_words(row), str(row.struck_out_reason), _by(row)) for row in rows
    )
    heads = (_("At"), _("What"), _("Struck out because"), _("Recorded by"))
    return SignedTable(_("Struck out"), heads, told)


def _kind_words(row: Any) -> str:
    if isinstance(row, InfusionStep):
        return str(row.get_kind_display())
    return checklist_words(row.hours) if isinstance(row, InfusionEventCheck) else str(row._meta.verbose_name)
