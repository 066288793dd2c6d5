"""The lines of blank worksheets, from the steps of a preparation and the plan of the bedside in the protocol file."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from dosing.models import InfusionStep, WorksheetStep
from dosing.worksheet.forms import LABELS
from dosing.worksheet.plan import SIGNED, BenchStep, asked
from protocol.document.document import Protocol
from protocol.values.labels import headed


@dataclass(frozen=True, slots=True)
class BlankStep:
    """One step on paper: its title, what is written beside it, and whether a second person signs it."""

    title: str
    values: tuple[str, ...]
    signed: bool


@dataclass(frozen=True, slots=True)
class BedsideSheet:
    """The bedside on paper: steps, planned times against what is observed, and the checklists with their questions."""

    steps: tuple[str, ...]
    times: tuple[str, ...]
    items: tuple[str, ...]
    checklists: tuple[str, ...]
    events: tuple[str, ...]


def preparation_sheet() -> list[BlankStep]:
    """Return the steps of a preparation, the same for every arm: what does not apply is crossed out."""
    return [
        BlankStep(
            str(WorksheetStep.Kind(step.value).label),
            tuple(str(LABELS[each.name]) for each in asked(step, cells=True)),
            step in SIGNED,
        )
        for step in BenchStep
    ]


def bedside_sheet(rules: Protocol, language: str) -> BedsideSheet:
    """Return the lines to fill in at the bedside of any infusion."""
    plan = rules.bedside
    return BedsideSheet(
        steps=tuple(str(kind.label) for kind in InfusionStep.Kind),
        times=tuple(_time_words(each.after, each.minutes) for each in plan.times),
        items=tuple(headed(item.label.in_language(language), item.unit, _) for item in plan.items),
        checklists=tuple(
            _("%(hours)d hours after the end") % {"hours": each.hours} for each in plan.checklists
        ),
        events=tuple(each.text.in_language(language) for each in plan.events),
    )


def _time_words(after: str, minutes: int) -> str:
    told = {"minutes": abs(minutes)}
    if after == "end":
        return _("%(minutes)d min after the end") % told
    if minutes < 0:
        return _("%(minutes)d min before the start") % told
    return _("%(minutes)d min after the start") % told
