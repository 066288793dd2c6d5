"""Columns of the tables of the annual safety report, shared by the page, its files and the tests."""

from collections.abc import Callable, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.authorities.annual.rows import AnnualRows
from exports.authorities.annual.tables import AnnualEvent, AnnualGroup, CumulativeLine, ExposureLine
from patients.participation.milestones import Milestone
from protocol.values.moments import days_between
from safety.labels import Wording
from safety.models import AdverseEvent
from safety.models.opinions import Expectedness
from trials.listing import Column
from trials.reader import shown_day

CUMULATIVE, REACTIONS, EXPOSURE = "cumulative", "reactions", "exposure"
TABLE_TITLES: dict[str, str | Promise] = {
    CUMULATIVE: gettext_lazy("Serious adverse events, cumulative"),
    REACTIONS: gettext_lazy("Serious adverse reactions of the interval"),
    EXPOSURE: gettext_lazy("Exposure, cumulative"),
}


def _of_groups(groups: Sequence[AnnualGroup], second: tuple[str, Callable[[str], str]]) -> tuple[Column, ...]:
    """Return two columns for each group: patients, and what `second` names. With one group they have no number."""
    name, label = second

    def count(group: int, part: int) -> Callable[[Any], int]:
        return lambda line: int(line.counts[group][part])

    columns = []
    for place, group in enumerate(groups):
        end = f"_{place + 1}" if len(groups) > 1 else ""
        patients = _("%(group)s: patients") % {"group": group.title}
        columns += [
            Column(name=f"patients{end}", label=patients, css="num", value=count(place, 0), decides=place == 0),
            Column(name=f"{name}{end}", label=label(group.title), css="num",
                   value=count(place, 1)),
        ]  # fmt: skip
    return tuple(columns)


def cumulative_columns(groups: Sequence[AnnualGroup]) -> tuple[Column, ...]:
    """Return the columns of the cumulative table of serious events."""
    return (
        Column(name="organ_class", label=gettext_lazy("System organ class"), value=lambda line: line.organ_class,
               text=_organ_class),
        Column(name="term", label=gettext_lazy("Event"), value=lambda line: line.term, free_text=True, text=_term),
        *_of_groups(groups, ("events", lambda group: _("%(group)s: events") % {"group": group})),
    )  # fmt: skip


def _organ_class(line: CumulativeLine) -> str:
    if line.is_total and not line.organ_class and not line.of_class:
        return _("All serious events")
    return line.organ_class or _("No class")


def _term(line: CumulativeLine) -> str:
    return line.term or (_("All of this class") if line.of_class else "")


def exposure_columns(groups: Sequence[AnnualGroup], sexes: dict[str, str]) -> tuple[Column, ...]:
    """Return the columns of the table of exposure. sexes: the words of the codes."""
    titles: dict[str, str | Promise] = {
        "all": gettext_lazy("All"), "sex": gettext_lazy("Sex"), "age": gettext_lazy("Age in years at screening"),
    }  # fmt: skip

    def words(line: ExposureLine) -> str:
        known = sexes.get(line.value, line.value) if line.by == "sex" else line.value
        return known or ("" if line.by == "all" else _("Not known"))

    return (
        Column(name="by", label=gettext_lazy("Patients by"), value=lambda line: line.by,
               text=lambda line: titles[line.by]),
        Column(name="value", label=gettext_lazy("Value"), value=lambda line: line.value, text=words),
        *_of_groups(groups, ("infusions", lambda group: _("%(group)s: infusions") % {"group": group})),
    )  # fmt: skip


def reaction_columns(
    found: AnnualRows, wording: Wording, given: dict[int, list[Milestone]]
) -> tuple[Column, ...]:
    """Return the columns of the line listing of serious adverse reactions. given: infusions by patient key."""
    patients = {each.code: each for each in found.patients}

    def row(line: AnnualEvent) -> AdverseEvent:
        return found.rows[line.identity]

    def field(name: str, label: str | Promise, value: Callable[[AnnualEvent], Any], **more: Any) -> Column:
        return Column(name=name, label=label, value=value, **more)

    return (
        field("organ_class", gettext_lazy("System organ class"), lambda line: line.organ_class,
              text=lambda line: line.organ_class or _("No class")),
        field("term", gettext_lazy("Event"), lambda line: line.term, free_text=True, decides=True),
        field("words", gettext_lazy("Words of the reporter"), lambda line: row(line).term, free_text=True),
        field("patient", gettext_lazy("Patient"), lambda line: line.patient, css="code nowrap"),
        field("number", gettext_lazy("No."), lambda line: line.number, css="num"),
        field("sex", gettext_lazy("Sex"), lambda line: patients[line.patient].sex),
        field("age", gettext_lazy("Age"), lambda line: patients[line.patient].age, css="num"),
        field("group", gettext_lazy("Treatment group"), lambda line: found.group_of(line.patient)),
        field("infusions", gettext_lazy("Days of the infusions"), lambda line: " ".join(
            day.isoformat() for day in patients[line.patient].infusions),
              text=lambda line: ", ".join(shown_day(day) for day in patients[line.patient].infusions)),
        field("onset", gettext_lazy("Onset"), lambda line: row(line).onset, css="nowrap",
              text=lambda line: wording.onset(row(line))),
        field("since_last_infusion", gettext_lazy("Days from the last infusion before"),
              lambda line: since_last(row(line), given[row(line).patient_id], wording.zone)),
        field("grade", gettext_lazy("Grade"), lambda line: row(line).grade, css="num"),
        field("seriousness", gettext_lazy("Seriousness criteria"), lambda line: " ".join(sorted(row(line).seriousness)),
              text=lambda line: ", ".join(wording.seriousness(row(line)))),
        field("outcome", gettext_lazy("Outcome"), lambda line: row(line).outcome,
              text=lambda line: row(line).get_outcome_display()),
        field("causality", gettext_lazy("Causality"), lambda line: row(line).causality,
              text=lambda line: wording.causality(row(line))),
        field("sponsor_causality", gettext_lazy("Causality, sponsor"), lambda line: row(line).sponsor_causality,
              text=lambda line: wording.causalities.get(row(line).sponsor_causality, "")),
        field("expectedness", gettext_lazy("Expectedness"), lambda line: row(line).expectedness,
              text=lambda line: dict(Expectedness.choices).get(row(line).expectedness, "")),
        field("received", gettext_lazy("Received by the sponsor"), lambda line: line.received, css="nowrap"),
    )  # fmt: skip


def since_last(event: AdverseEvent, given: Sequence[Milestone], zone: str) -> str:
    """Return the days from the last infusion that began before the event: `2`, or `2-3` for a partial date."""
    onset = event.onset_moment.placed(zone)
    for each in reversed(given):
        least, most = days_between(each.at, onset, zone)
        if most >= 0:
            return str(least) if least == most else f"{max(0, least)}-{most}"
    return ""
