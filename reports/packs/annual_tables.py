"""Tables of the annual safety report over an interval (development safety update report, ICH E2F)."""

from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from exports.authorities.annual.columns import (
    CUMULATIVE,
    EXPOSURE,
    REACTIONS,
    TABLE_TITLES,
    cumulative_columns,
    exposure_columns,
    reaction_columns,
)
from exports.authorities.annual.rows import AnnualRows, annual_rows
from exports.authorities.annual.tables import cumulative, exposure, reactions
from exports.authorities.annual.views import sexes_of
from patients.participation.milestones import milestones
from reports.packs.contents import PackSection, PackTable, PackView
from safety.labels import Wording
from trials.listing import Column
from trials.reader import shown_day


def annual_tables(view: PackView) -> PackSection:
    """Return the three tables of the page of the annual safety report over the interval. At most eleven queries."""
    found = annual_rows(view.trial, sees_treatment=view.by_arm)
    first, last = view.interval.days(view.today, found.events, found.patients)
    interval = _("Interval: %(first)s to %(last)s.") % {"first": shown_day(first), "last": shown_day(last)}
    tables = [
        _cumulative(found, last, interval),
        _reactions(view, found, first, last, interval),
        _exposure(view, found, last, interval),
    ]
    return PackSection(_("Annual safety report"), tables)


def _cell(column: Column, line: Any) -> str:
    words = column.text(line) if column.text is not None else column.value(line)
    if isinstance(words, date):
        return str(shown_day(words))
    return "" if words is None else str(words)


def _filled(table: str, columns: tuple[Column, ...], lines: list[Any], how: str, note: str = "") -> PackTable:
    numbers = {at for at, column in enumerate(columns) if column.css == "num"}
    return PackTable(
        title=str(TABLE_TITLES[table]),
        how=how,
        columns=[str(column.label) for column in columns],
        rows=[[_cell(column, line) for column in columns] for line in lines],
        texts=[at for at in range(len(columns)) if at not in numbers],
        strong=frozenset(at for at, line in enumerate(lines) if getattr(line, "is_total", False)),
        note=note,
    )


def _cumulative(found: AnnualRows, last: date, interval: str) -> PackTable:
    how = _(
        "Serious events from the first infusion on, of patients with an infusion, received by the sponsor until the "
        "last day. A patient counts once for a term, an event each time."
    )
    left = _("Not counted: %(number)d serious events before the first infusion or of patients without one.")
    lines = cumulative(found.events, found.groups, last)
    note = f"{interval} {left % {'number': found.left_out}}"
    return _filled(CUMULATIVE, cumulative_columns(found.groups), lines, how, note)


def _reactions(view: PackView, found: AnnualRows, first: date, last: date, interval: str) -> PackTable:
    rows = {row.patient_id: row.patient for row in found.rows.values()}
    for patient in rows.values():
        patient.trial = view.trial
    columns = reaction_columns(found, Wording(view.rules), milestones(list(rows.values())))
    how = _(
        "Serious events of the interval that investigator or sponsor hold for related to the product, or whose "
        "causality is not assessed."
    )
    kept = tuple(column for column in columns if column.name not in ("words", "infusions"))
    return _filled(REACTIONS, kept, reactions(found.events, first, last), how, interval)


def _exposure(view: PackView, found: AnnualRows, last: date, interval: str) -> PackTable:
    how = _(
        "Patients with an infusion until the last day and their infusions, by sex and by age at screening."
    )
    lines = exposure(found.patients, found.groups, last)
    return _filled(EXPOSURE, exposure_columns(found.groups, sexes_of(view.trial)), lines, how, interval)
