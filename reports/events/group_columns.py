"""Columns of the tables of grouped adverse events, shared by the page, its files and the tests."""

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safety.labels import CLASS_TITLES
from safety.listing.counting import CLASS, ORGAN_CLASS, PATIENT, SUMMARY, TERM, GroupLine
from safety.listing.filters import NO_CLASS
from safety.listing.groups import GRADES
from trials.listing import Column

WAY_TITLES: dict[str, str | Promise] = {
    SUMMARY: gettext_lazy("By organ class and term"),
    TERM: gettext_lazy("By term"),
    ORGAN_CLASS: gettext_lazy("By organ class"),
    CLASS: gettext_lazy("By class of the event"),
    PATIENT: gettext_lazy("By patient"),
}


def group_columns(by: str) -> tuple[Column, ...]:
    """Return the columns of one way of grouping. The first one names the group."""
    return (*_names(by), *_counts(by), *_worst(by))


def _names(by: str) -> tuple[Column, ...]:
    organ_class = Column(name="organ_class", label=gettext_lazy("System organ class"),
                         value=lambda line: line.organ_class, text=lambda line: _organ_class(line))  # fmt: skip
    columns = {
        SUMMARY: (organ_class, Column(name="term", label=gettext_lazy("Event"), value=lambda line: line.term,
                                      free_text=True, text=_term_of_class)),
        TERM: (Column(name="term", label=gettext_lazy("Event"), value=lambda line: line.term, free_text=True,
                      text=lambda line: line.term or _all()),),
        ORGAN_CLASS: (organ_class,),
        CLASS: (Column(name="class", label=gettext_lazy("Class"), value=lambda line: line.event_class, text=_class),),
        PATIENT: (Column(name="patient", label=gettext_lazy("Patient"), value=lambda line: line.patient,
                         css="code nowrap", text=lambda line: line.patient or _all()),),
    }  # fmt: skip
    return columns[by]


def _all() -> str:
    return _("All events")


def _organ_class(line: GroupLine) -> str:
    if line.group_is_all:
        return _all()
    return line.organ_class or _("No class")


def _term_of_class(line: GroupLine) -> str:
    if line.group_is_all:
        return ""
    return line.term or _("All of this class")


def _class(line: GroupLine) -> str | SafeString:
    if not line.event_class:
        return _all()
    return format_html("{} · {}", line.event_class, CLASS_TITLES[line.event_class])


def _counts(by: str) -> tuple[Column, ...]:
    patients = Column(name="patients", label=gettext_lazy("Patients"), value=lambda line: line.group.patients,
                      css="num", decides=True)  # fmt: skip
    events = Column(
        name="events", label=gettext_lazy("Events"), value=lambda line: line.group.events, css="num"
    )
    serious = Column(
        name="serious", label=gettext_lazy("Serious"), value=lambda line: line.group.serious, css="num"
    )
    return (events, serious) if by == PATIENT else (patients, events, serious)


def _worst(by: str) -> tuple[Column, ...]:
    worst = Column(
        name="worst_grade",
        label=gettext_lazy("Worst grade"),
        css="nowrap",
        value=lambda line: line.group.worst_grade,
        text=lambda line: grade_words(line.group.worst_grade),
    )
    return (worst,) if by == PATIENT else (worst, *(_patients_at(grade) for grade in GRADES))


def _patients_at(grade: int) -> Column:
    return Column(
        name=f"worst_{grade}",
        label=GRADE_LABELS[grade],
        value=lambda line: line.group.patients_at(grade),
        css="num",
    )


GRADE_LABELS = {
    1: gettext_lazy("Patients, grade 1"),
    2: gettext_lazy("Patients, grade 2"),
    3: gettext_lazy("Patients, grade 3"),
    4: gettext_lazy("Patients, grade 4"),
    5: gettext_lazy("Patients, grade 5"),
}


def grade_words(grade: int) -> SafeString:
    """Return a grade as a number with its coloured square."""
    return format_html(
        '<svg class="swatch" viewBox="0 0 14 14" aria-hidden="true">'
        '<rect class="g{0}" x="1" y="1" width="12" height="12" rx="2"/></svg> {0}',
        grade,
    )


def events_behind(slug: str, line: GroupLine, kept: dict[str, str]) -> str:
    """Return the address of the listing with exactly the events of a line. kept: the filters of the page."""
    narrowed = {
        **kept, "in_error": "no", "patient": line.patient, "term": line.term, "class": line.event_class,
    }  # fmt: skip
    if line.of_organ_class:
        narrowed["organ_class"] = line.organ_class or NO_CLASS
    query = {name: value for name, value in narrowed.items() if value}
    return reverse("safety:listing", args=[slug], query=query)
