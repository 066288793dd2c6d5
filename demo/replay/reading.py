"""Read the files of a replay into the courses of the patients, with every mistake of every line."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time

from demo.replay import headings
from demo.replay.cells import Cells
from demo.replay.courses import ReplayedPatient, ReplayedVisit, TableMistakes
from demo.replay.event_lines import read_event
from demo.replay.headings import Headings, InfusionColumn, ItemColumn, VisitColumn
from demo.replay.patient_lines import read_infusion, read_patient
from demo.replay.tables import LABEL, Table, TableMistake, TableRow
from demo.replay.times import CellRefused, StudyDays
from protocol.document.document import Protocol

INCLUSION, INFUSION = "inclusion", "infusion"
DAY_ZERO = {INCLUSION: "included", INFUSION: "infusion.1.started"}
"""The column of day 0, by what the table counts from."""


@dataclass(frozen=True)
class ReplayFiles:
    """The files of a replay. visits, events: None without a file; logs: by form."""

    patients: Table
    visits: Table | None = None
    events: Table | None = None
    logs: Mapping[str, Table] = field(default_factory=dict)

    @property
    def all(self) -> list[Table]:
        """Return every file."""
        return [self.patients, *filter(None, (self.visits, self.events)), *self.logs.values()]


@dataclass(frozen=True)
class ReplayRules:
    """How the files are read.

    start: the day from which day 0 counts, and day 0 of a patient whose own is blank. day_zero: `inclusion` or
    `infusion`. first: number of the first day. clock: time of a day whose time is needed. constants: by column, what is
    stated for every line whose cell is blank.
    """

    start: date | None = None
    day_zero: str = INCLUSION
    first: int = 0
    clock: time = time(12)
    constants: Mapping[str, str] = field(default_factory=dict)


class CourseReading:
    """Reads the courses of one set of files under a protocol."""

    def __init__(self, files: ReplayFiles, rules: Protocol, how: ReplayRules) -> None:
        self.files, self.rules, self.how = files, rules, how
        self.mistakes = TableMistakes()
        self.courses: dict[str, ReplayedPatient] = {}
        self._days: dict[str, StudyDays] = {}
        self._refused: set[str] = set()

    def read(self) -> list[ReplayedPatient]:
        """Return the courses without mistakes, in the order of the file; `mistakes` has what is wrong with the others.

        A mistake in the names of the columns leaves none: what follows from it would be no mistake of its own.
        """
        files = self.files
        self.mistakes.add(*(each for table in files.all for each in table.mistakes), *self._of_constants())
        of_patients = headings.of_patients(self._with_constants(), self.rules)
        of_visits = headings.of_visits(files.visits or Table(""), self.rules)
        of_events = headings.of_events(files.events or Table(""))
        of_logs = {form: headings.of_log(table, self.rules, form) for form, table in files.logs.items()}
        for found in (of_patients, of_visits, of_events, *of_logs.values()):
            self.mistakes.add(*found.mistakes)
        for row in files.patients.rows:
            self._patient(row, of_patients)
        for row in files.visits.rows if files.visits else ():
            self._visit(row, of_visits)
        for row in files.events.rows if files.events else ():
            self._event(row)
        for form, table in files.logs.items():
            for row in table.rows:
                self._log(row, of_logs[form])
        for course in self.courses.values():
            if course.included is None:
                self._refuse_follow_up(course)
        if any(each.line == 1 for each in self.mistakes):
            return []
        return [course for label, course in self.courses.items() if label not in self._refused]

    def _of_constants(self) -> list[TableMistake]:
        """Return the mistakes of what is stated for every adverse event; the rest are columns of the patients."""
        named = [name.partition(".") for name in self.how.constants]
        return [
            TableMistake("--set", 1, f"{prefix}.{name}", "The file of adverse events has no such column.")
            for prefix, _dot, name in named
            if prefix == headings.OF_EVENT and name not in headings.EVENT
        ]

    def _with_constants(self) -> Table:
        """Return the file of patients with the columns that are stated for every line."""
        known = self.files.patients.columns
        more = [
            name
            for name in self.how.constants
            if name not in known and not name.startswith(f"{headings.OF_EVENT}.")
        ]
        return replace(self.files.patients, columns=(*known, *more))

    def _cells(self, row: TableRow, label: str, prefix: str = "") -> Cells:
        constants = self.how.constants if row.file == self.files.patients.file or prefix else {}
        days = self._days.get(label) or self._calendar
        return Cells(row, constants, days, self.mistakes, prefix)

    @property
    def _calendar(self) -> StudyDays:
        zone = self.rules.trial.site.time_zone
        return StudyDays(self.how.start, zone, self.how.clock, self.how.first)

    def _known(self, row: TableRow) -> str:
        """Return the patient of a line of a further file, empty and a mistake if the file of patients has none."""
        label = row.cells.get(LABEL, "")
        if label and label not in self._days:
            known = self.files.patients.file
            self.mistakes.add(row.mistake(LABEL, f"{known} has no patient “{label}”."))
        return label if label in self._days else ""

    # Patients.

    def _patient(self, row: TableRow, found: Headings) -> None:
        label, before = row.cells.get(LABEL, ""), len(self.mistakes)
        if not label:
            return
        if label in self._days:
            self.mistakes.add(
                row.mistake(LABEL, f"Patient “{label}” stands in an earlier line: one line each.")
            )
            return
        self._days[label] = self._days_of(row)
        cells = self._cells(row, label)
        is_from_inclusion = self.how.day_zero == INCLUSION
        counted = self._calendar if is_from_inclusion else cells.days
        course = read_patient(cells, label, self.rules, counted)
        numbers = {each.number for each in found.found if isinstance(each, InfusionColumn)}
        infusions = [
            read_infusion(
                cells,
                number,
                cells.days.zone,
                cells.days if is_from_inclusion or number > 1 else self._calendar,
            )
            for number in sorted(numbers if course and course.included else ())
        ]
        self._visits_of(cells, found, course)
        if course is None or len(self.mistakes) > before:
            self._refused.add(label)
            return
        course.infusions = [each for each in infusions if each is not None]
        self.courses[label] = course

    def _days_of(self, row: TableRow) -> StudyDays:
        """Return the count of a patient; a day 0 that cannot be read becomes a mistake when its own cell is read."""
        calendar, column = self._calendar, DAY_ZERO[self.how.day_zero]
        text = row.cells.get(column, "") or self.how.constants.get(column, "")
        try:
            zero = calendar.day(text) if text else calendar.zero
        except CellRefused:
            zero = None
        return replace(calendar, zero=zero)

    # Visits and logs.

    def _visits_of(self, cells: Cells, found: Headings, course: ReplayedPatient | None) -> None:
        visits: dict[str, ReplayedVisit] = {}

        def at(code: str, column: str) -> ReplayedVisit:
            return visits.setdefault(code, ReplayedVisit(code, cells.row, column))

        by_visit: dict[str, list[ItemColumn]] = {}
        for heading in found.found:
            if not cells.text(heading.column):
                continue
            if isinstance(heading, VisitColumn):
                visit = at(heading.visit, heading.column)
                if heading.fact == "on":
                    visit.on = cells.day(heading.column)
                else:
                    visit.missed = cells.text(heading.column)
            elif isinstance(heading, ItemColumn):
                by_visit.setdefault(heading.visit, []).append(heading)
        for code, items in by_visit.items():
            for form in cells.forms(items, self.rules):
                at(code, next(iter(form.columns.values()), items[0].column)).forms[form.form] = form
        for visit in visits.values():
            self._refuse_missed(cells, visit, f"{visit.code}.missed")
        if course is not None:
            course.visits = visits

    def _refuse_missed(self, cells: Cells, visit: ReplayedVisit, column: str) -> None:
        if visit.missed and (visit.on or visit.forms):
            cells.refuse(
                column, f"{visit.code} has a day or answers: it was not missed. Clear one of the two."
            )

    def _visit(self, row: TableRow, found: Headings) -> None:
        before, label = len(self.mistakes), self._known(row)
        cells = self._cells(row, label)
        cells.stated("visit")
        code = cells.code("visit", [visit.code for visit in self.rules.visits])
        if label and code:
            visit = ReplayedVisit(code, row, "visit", cells.day("on"), cells.text("missed"))
            for heading in found.items:
                if cells.text(heading.column):
                    try:
                        headings.refuse_visit(code, heading.form, self.rules)
                    except CellRefused as refused:
                        cells.refuse(heading.column, str(refused))
            visit.forms = {form.form: form for form in cells.forms(found.items, self.rules)}
            self._refuse_missed(cells, visit, "missed")
            course = self.courses.get(label)
            if course is not None and code in course.visits:
                cells.refuse("visit", f"{code} of patient “{label}” is stated elsewhere too: state it once.")
            elif course is not None:
                course.visits[code] = visit
        self._note(label, before)

    def _log(self, row: TableRow, found: Headings) -> None:
        before, label = len(self.mistakes), self._known(row)
        rows = self._cells(row, label).forms(found.items, self.rules) if label else []
        if label in self.courses:
            self.courses[label].logs += rows
        self._note(label, before)

    def _event(self, row: TableRow) -> None:
        before, label = len(self.mistakes), self._known(row)
        event = read_event(self._cells(row, label, f"{headings.OF_EVENT}."), self.rules)
        if label in self.courses:
            self.courses[label].events.append(event)
        self._note(label, before)

    def _refuse_follow_up(self, course: ReplayedPatient) -> None:
        """Note what the files state of the time after the inclusion of a patient who was not included."""
        before = len(self.mistakes)
        asked = {visit.code for visit in self.rules.visits if visit.kind == "screening"}
        visits = [(visit.row, visit.column) for visit in course.visits.values() if visit.code not in asked]
        events = [(event.row, "term") for event in course.events]
        logs = [(row.row, next(iter(row.columns.values()))) for row in course.logs]
        for row, column in (*visits, *events, *logs):
            sentence = (
                f"Patient “{course.label}” is not included: only the screening is replayed. Leave it out."
            )
            self.mistakes.add(row.mistake(column, sentence))
        self._note(course.label, before)

    def _note(self, label: str, before: int) -> None:
        """Leave a patient out whose further lines have a mistake."""
        if len(self.mistakes) > before:
            self._refused.add(label)
