"""Outcomes with every reading of the protocol; undetermined answers are counted apart (ICH E9)."""

from django.utils.translation import gettext as _

from outcomes.computing import computed
from reports.outcomes.page import OutcomePage, ShownOutcome, ShownReading
from reports.packs.contents import PackSection, PackTable, PackView


def outcomes(view: PackView) -> PackSection:
    """Return a table for each outcome with a reading. Six queries at most, whatever their number."""
    page = OutcomePage(view.access, computed(view.access, arms=view.by_arm))
    return PackSection(
        _("Outcomes"), [_table(view, outcome) for outcome in page.outcomes() if outcome.readings]
    )


def _table(view: PackView, outcome: ShownOutcome) -> PackTable:
    rows = [row for reading in outcome.readings for row in _rows(view, reading)]
    choices = [f"{reading.title}: {reading.choice}" for reading in outcome.readings if reading.choice]
    return PackTable(
        title=f"{outcome.type} · {outcome.outcome.id} · {outcome.title}",
        how=" ".join(
            part
            for part in (
                outcome.definition,
                _(
                    "Computed by the readings of the protocol from complete forms, infusions and adverse events; no "
                    "value is carried forward. Undetermined: the data do not decide."
                ),
            )
            if part
        ),
        columns=[
            _("Reading"), _("Population"), _("Of"), _("Patients"), _("Yes"), _("No"), _("Undetermined"), _("Figure"),
        ],
        rows=rows,
        texts=(0, 1, 2, 7),
        wide=(7,),
        note=" ".join(choices),
    )  # fmt: skip


def _rows(view: PackView, reading: ShownReading) -> list[list[str]]:
    found = []
    for shown in reading.lines:
        line = shown.line
        figures = "; ".join(f"{words} [{method}]" if method else words for words, method in shown.figures)
        counts = [
            str(line.patients),
            str(line.yes),
            "–" if reading.numeric else str(line.no),
            str(line.undetermined),
        ]
        of = ", ".join(part for part in (shown.visit, shown.part) if part) or _("All patients")
        counted = "; ".join(
            part
            for part in (shown.events if reading.reading.measure in ("count", "rate") else "", figures)
            if part
        )
        found.append([reading.title, reading.population, of, *counts, counted])
    return found
