"""Adverse events of included patients: by class, by term and worst grade, and the list of serious ones."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from patients.models import Patient
from reports.packs.contents import PackGroup, PackSection, PackTable, PackView
from safety.labels import CLASS_TITLES, Wording
from safety.listing.counting import CLASS, SUMMARY, GroupLine, lines_of
from safety.listing.groups import GRADES
from safety.models import AdverseEvent
from trials.reader import shown_moment


def adverse_events(view: PackView) -> PackSection:
    """Return the events by class, by organ class and term, and by worst grade. Two queries for each column."""
    parts = view.arms if view.by_arm else [view.everybody]
    tables = [
        _counted(view, CLASS, _("Adverse events by class")),
        _counted(view, SUMMARY, _("Adverse events by organ class and term")),
        *(_worst(view, group) for group in parts),
    ]
    return PackSection(_("Adverse events"), tables)


def _lines(view: PackView, group: PackGroup, by: str) -> list[GroupLine]:
    rows = AdverseEvent.objects.filter(trial=view.trial, patient__in=sorted(group.patients)).not_in_error()
    return lines_of(view.trial, rows, by)


def _name(line: GroupLine, by: str) -> list[str]:
    """Return the words of a line: class, or organ class and term."""
    if line.group_is_all:
        return [_("All events")] if by == CLASS else [_("All events"), ""]
    if by == CLASS:
        return [f"{line.event_class} · {CLASS_TITLES[line.event_class]}"]
    return [line.organ_class or _("No class"), line.term or _("All of this class")]


def _counted(view: PackView, by: str, title: str) -> PackTable:
    """Return patients and events of each line in each column; a line of any column stands in all."""
    every = _lines(view, view.everybody, by)
    of_group = [{line.pk: line.group for line in _lines(view, group, by)} for group in view.groups]
    rows = []
    for line in every:
        cells = []
        for group, known in zip(view.groups, of_group, strict=True):
            found = known.get(line.pk)
            cells += [group.share(found.worst if found else ()), str(found.events if found else 0)]
        rows.append([*_name(line, by), *cells])
    columns = [
        title
        for group in view.group_titles
        for title in (_("%(group)s: patients") % {"group": group}, _("Events"))
    ]
    names = [_("Class")] if by == CLASS else [_("System organ class"), _("Event")]
    how = (
        _(
            "Events of included patients without those entered in error, by the most specific class that is certain "
            "(ICH E2A). A patient counts once in a line, an event each time."
        )
        if by == CLASS
        else _(
            "Events of included patients without those entered in error. The organ class is that of the code, else of "
            "the term in the list of the system. A patient counts once in a line, an event each time."
        )
    )
    return PackTable(
        title=title,
        how=how,
        columns=[*names, *columns],
        rows=rows,
        texts=range(len(names)),
        strong=frozenset(at for at, line in enumerate(every) if line.is_total),
        empty=_("No adverse event of an included patient is reported."),
    )


def _worst(view: PackView, group: PackGroup) -> PackTable:
    lines = _lines(view, group, SUMMARY)
    title = _("Patients by worst grade: %(group)s") % {"group": group.title}
    return PackTable(
        title=title,
        how=_(
            "Each patient of a line once, with the worst grade there (CTCAE). Percentages are of all included patients "
            "of the heading."
        ),
        columns=[
            _("System organ class"),
            _("Event"),
            *(_("Grade %(grade)d") % {"grade": each} for each in GRADES),
        ],
        rows=[[*_name(line, SUMMARY), *(_at(group, line, grade) for grade in GRADES)] for line in lines],
        texts=(0, 1),
        strong=frozenset(at for at, line in enumerate(lines) if line.is_total),
        empty=_("No adverse event of these patients is reported."),
    )


def _at(group: PackGroup, line: GroupLine, grade: int) -> str:
    return group.share(patient for patient, worst in line.group.worst.items() if worst == grade)


def serious_events(view: PackView) -> PackSection:
    """Return the line listing of serious events. One query. No arm is in it, whoever reads it."""
    rows = AdverseEvent.objects.filter(trial=view.trial, serious=True).not_in_error()
    found = list(rows.order_by("patient__number", "number"))
    patients = {row.pk: row for row in view.patients}
    return PackSection(
        _("Serious adverse events"),
        [
            PackTable(
                title=_("Line listing of serious adverse events"),
                how=_("Serious events without those entered in error, of all patients, by patient and number."),
                columns=[
                    _("Patient"), _("No."), _("Event"), _("Onset"), _("Grade"), _("Seriousness criteria"),
                    _("Causality"), _("Outcome"), _("Reported"),
                ],
                rows=_listed(view, found, patients),
                texts=(0, 2, 3, 5, 6, 7, 8),
                empty=_("No serious adverse event is reported."),
            )
        ],
    )  # fmt: skip


def _listed(view: PackView, found: Sequence[AdverseEvent], patients: dict[int, Patient]) -> list[list[str]]:
    wording, zone = Wording(view.rules), view.trial.zone
    rows = []
    for event in found:
        # Read already: a row of its own for each event would be one query each.
        event.patient = patients[event.patient_id]
        reported = shown_moment(event.reported_at, zone) if event.reported_at else _("not yet")
        rows.append(
            [
                event.patient.code, str(event.number), event.term, wording.onset(event), str(event.grade),
                ", ".join(wording.seriousness(event)), str(wording.causality(event)),
                str(event.get_outcome_display()), reported,
            ]
        )  # fmt: skip
    return rows
