"""The flow of people through the trial, from the pre-screening log to the analysis (CONSORT 2010; OUT-07).

Who was infused, followed and analysed is counted for all together. The allocation, and everything after it by arm, is
counted only for who may know how the arms do: for nobody else the places taken in the list are read.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dosing.models import Infusion
from outcomes.answers import OutcomeVerdict, PatientResult
from outcomes.computing import results_of
from patients.models import Patient, PrescreeningRow
from patients.participation.logs.prescreening import flow_counts
from protocol.expressions.outcomes import CompiledReading, outcomes_of
from reports.figures.flow import FlowBox, FlowStep, flow_diagram
from reports.study_figures.contract import (
    Cell,
    CodedCell,
    DataColumn,
    Drawing,
    DrawnFigure,
    FigureTable,
    FigureView,
    StudyFigure,
)

MOST_REASONS = 6
"""Reasons for screen failure named one by one; they are typed, so there may be as many as patients."""
EVERYBODY = "all"
COLUMNS = (
    DataColumn("step", gettext_lazy("Step")),
    DataColumn("arm", gettext_lazy("Arm")),
    DataColumn("reason", gettext_lazy("Reason"), free_text=True),
    DataColumn("people", gettext_lazy("People")),
)
Outcome, Reason, End = PrescreeningRow.Outcome, PrescreeningRow.Reason, Patient.EndReason
LEFT = (End.WITHDRAWAL, End.LOST)


@dataclass(frozen=True, slots=True)
class FlowCount:
    """A number of the flow: its step, the reason if it is a part of the step, the arm if it counts one arm."""

    step: str
    label: str
    people: int
    reason: CodedCell | str | None = None
    arm: str = ""

    @property
    def words(self) -> str:
        """Return the reason with its number, else the step with its number."""
        name = self.label if self.reason is None else _label(self.reason)
        return _("%(what)s (n = %(number)s)") % {"what": name, "number": self.people}


@dataclass(frozen=True, slots=True)
class FlowPatient:
    """One screened patient as the flow counts them. arm: only for who may know it, else empty."""

    code: str
    state: str
    included: bool
    failure: str
    end: str
    infused: bool
    allocated: bool
    arm: str


class ConsortFlow:
    """The counts of the flow for one reader. At most eleven queries, whatever the number of patients."""

    def __init__(self, view: FigureView) -> None:
        self.view, self.rules = view, view.rules
        self.randomised = self.rules.allocation is not None
        self.by_arm = view.by_arm and self.randomised
        self.arms: tuple[str, ...] = (
            tuple(arm.code for arm in self.rules.arms) if self.by_arm else (EVERYBODY,)
        )

    @cached_property
    def patients(self) -> list[FlowPatient]:
        """Return the screened patients. Two queries, three for a reader who may know the arms."""
        rows = Patient.objects.filter(trial=self.view.trial).order_by("number")
        given = Infusion.objects.filter(patient__trial=self.view.trial, state=Infusion.State.GIVEN)
        infused = set(given.order_by().values_list("patient_id", flat=True))
        arms: dict[int, str] = {}
        if self.by_arm:
            allocated = rows.filter(allocation__isnull=False).order_by()
            arms = dict(allocated.values_list("pk", "allocation__arm"))
        names = ("pk", "code", "state", "enrolled_on", "failure_reason", "end_reason")
        return [
            FlowPatient(
                code, state, on is not None, failure, end, pk in infused, pk in arms, arms.get(pk, "")
            )
            for pk, code, state, on, failure, end in rows.values_list(*names)
        ]

    @cached_property
    def analysis(self) -> tuple[CompiledReading | None, dict[str, PatientResult]]:
        """Return the first reading of the primary outcomes, and its results by patient. Six queries at most."""
        primary = [each for each in outcomes_of(self.rules).readings if each.outcome.type == "primary"]
        if not primary:
            return None, {}
        return primary[0], {each.patient: each for each in results_of(self.view.access, primary[0])}

    def of(self, arm: str) -> list[FlowPatient]:
        """Return the included patients of an arm, or all."""
        included = [each for each in self.patients if each.included]
        return included if arm == EVERYBODY else [each for each in included if each.arm == arm]

    def before_inclusion(self) -> list[list[FlowCount]]:
        """Return the counts before inclusion, each step with its parts."""
        counts = flow_counts(self.view.trial)
        considered = FlowCount("considered", _("Considered"), counts.considered)
        reasons: list[list[FlowCount]] = []
        for outcome, total in (
            (Outcome.NOT_APPROACHED, counts.not_approached),
            (Outcome.DECLINED, counts.declined),
        ):
            parts = [
                FlowCount(outcome.value, "", number, CodedCell(code, Reason(code).label))
                for code, number in counts.reasons[outcome].items()
            ]
            reasons.append([FlowCount(outcome.value, str(outcome.label), total), *parts])
        return [[considered], *reasons, [FlowCount("screened", _("Screened"), len(self.patients))]]

    def not_included(self) -> list[list[FlowCount]]:
        """Return screen failures with their reasons, and who is still in screening."""
        failed = [each for each in self.patients if each.state == Patient.State.SCREEN_FAILED]
        waiting = sum(each.state == Patient.State.SCREENING for each in self.patients)
        return [
            [
                FlowCount("screen_failed", str(Patient.State.SCREEN_FAILED.label), len(failed)),
                *_typed_reasons(each.failure for each in failed),
            ],
            [FlowCount("in_screening", _("Still in screening"), waiting)],
        ]

    def included(self) -> FlowCount:
        """Return the number of included patients."""
        label = _("Included for random allocation") if self.randomised else _("Included")
        return FlowCount("included", label, len(self.of(EVERYBODY)))

    def after_inclusion(self, arm: str) -> list[list[FlowCount]]:
        """Return the counts of an arm after inclusion, each step with its parts."""
        rows = self.of(arm)
        of_arm = "" if arm == EVERYBODY else arm

        def count(step: str, label: str, test: Callable[[FlowPatient], bool]) -> FlowCount:
            return FlowCount(step, label, sum(map(test, rows)), arm=of_arm)

        steps = (
            [[count("allocated", self._allocated(arm), lambda each: each.allocated)]] if self.by_arm else []
        )
        steps.append(
            [
                count("infused", _("Received an infusion"), lambda each: each.infused),
                _part(count("infused", "", lambda each: not each.infused), "none", _("No infusion given")),
            ]
        )

        def ends(step: str, *reasons: Patient.EndReason) -> list[FlowCount]:
            return [_part(count(step, "", _ended_by(end)), end.value, end.label) for end in reasons]

        going_on = count("followed", "", lambda each: each.state == Patient.State.ENROLLED)
        steps.append(
            [
                count("followed", _("Followed up"), lambda each: each.end not in LEFT),
                _part(going_on, "ongoing", Patient.State.ENROLLED.label),
                *ends("followed", End.COMPLETED, End.DEATH),
                count("left", _("Left the study early"), lambda each: each.end in LEFT),
                *ends("left", *LEFT),
            ]
        )
        return [*steps, *self._analysed(rows, of_arm)]

    def _allocated(self, arm: str) -> str:
        titles = {each.code: each.title.in_language(self.view.language) for each in self.rules.arms}
        return _("Allocated to %(arm)s") % {"arm": titles.get(arm, arm)}

    def _analysed(self, rows: Sequence[FlowPatient], arm: str) -> list[list[FlowCount]]:
        reading, results = self.analysis
        if reading is None:
            return []
        found = [results.get(each.code) for each in rows]
        members = [each for each in found if each is not None and each.member is not False]
        known = sum(
            any(answer.verdict is not OutcomeVerdict.OPEN for answer in each.answers.values())
            for each in members
        )
        label = _("Analysed for %(outcome)s") % {"outcome": reading.outcome.id}
        return [
            [
                FlowCount("analysed", label, known, arm=arm),
                FlowCount("analysed", "", len(members) - known, CodedCell("undetermined", _("Undetermined")), arm),
                FlowCount(
                    "analysed", "", len(rows) - len(members),
                    CodedCell("outside", _("Not in the population of the outcome")), arm,
                ),
            ]
        ]  # fmt: skip


def draw(view: FigureView) -> DrawnFigure:
    """Return the flow diagram. By arm it has a column for each arm from the allocation on."""
    flow = ConsortFlow(view)
    early, failed, included = flow.before_inclusion(), flow.not_included(), flow.included()
    late = {arm: flow.after_inclusion(arm) for arm in flow.arms}
    considered, not_approached, declined, screened = early
    steps = [
        FlowStep(boxes=[_box(considered)]),
        FlowStep(boxes=[_box(screened)], side=_side(_("Not screened"), [not_approached, declined])),
        FlowStep(boxes=[_box([included])], side=_side(_("Not included"), failed)),
        *(
            FlowStep(boxes=[_box(late[arm][at]) for arm in flow.arms])
            for at in range(len(late[flow.arms[0]]))
        ),
    ]
    counts = [*early, *failed, [included], *(step for arm in flow.arms for step in late[arm])]
    label = _("Flow of people: %(considered)s considered, %(screened)s screened, %(included)s included.") % {
        "considered": considered[0].people,
        "screened": screened[0].people,
        "included": included.people,
    }
    return DrawnFigure(
        table=FigureTable(COLUMNS, [_row(each) for step in counts for each in step]),
        drawings=(Drawing("flow", _("Flow of people"), flow_diagram(steps, label)),),
        notes=tuple(_notes(flow)),
        treatment=flow.by_arm,
    )


def _notes(flow: ConsortFlow) -> list[str]:
    notes = [_("Considered: the people of the pre-screening log, and everybody who was screened.")]
    reading, _results = flow.analysis
    if reading is not None:
        told = {"outcome": reading.outcome.id, "title": reading.outcome.title.in_language(flow.view.language)}
        notes.append(
            _("Analysed: patients with a known answer to the first primary outcome, %(outcome)s (%(title)s).")
            % told
        )
    return notes


def _box(step: Sequence[FlowCount]) -> FlowBox:
    total, *parts = step
    # A part of a step of its own in the box, such as the reasons of those who left, is marked.
    own = {each.step for each in parts if each.reason is None}
    lines = [
        f"– {each.words}" if each.step in own and each.reason is not None else each.words
        for each in parts
        if each.people
    ]
    return FlowBox(title=total.words, lines=lines, tip="; ".join([total.words, *lines]))


def _side(title: str, groups: Sequence[Sequence[FlowCount]]) -> FlowBox | None:
    """Return the box at the side: each group with its number, and its reasons below it; None if nobody left."""
    shown = [group for group in groups if group[0].people]
    if not shown:
        return None
    lines = [
        line for total, *reasons in shown for line in (total.words, *(f"– {each.words}" for each in reasons))
    ]
    people = sum(group[0].people for group in shown)
    heading = _("%(what)s (n = %(number)s)") % {"what": title, "number": people}
    return FlowBox(title=heading, lines=lines, tip="; ".join([heading, *lines]))


def _ended_by(end: str) -> Callable[[FlowPatient], bool]:
    return lambda patient: patient.end == end


def _part(counted: FlowCount, code: str, label: str | Promise) -> FlowCount:
    return FlowCount(counted.step, "", counted.people, CodedCell(code, label), counted.arm)


def _typed_reasons(texts: Iterable[str]) -> list[FlowCount]:
    """Return the typed reasons, those that differ in case or spaces as one; the rarest together."""
    first: dict[str, str] = {}
    counted: Counter[str] = Counter()
    for text in texts:
        key = " ".join(text.split()).casefold()
        first.setdefault(key, " ".join(text.split()))
        counted[key] += 1
    order = sorted(counted, key=lambda key: (-counted[key], key))
    named = [FlowCount("screen_failed", "", counted[key], first[key]) for key in order[:MOST_REASONS]]
    rest = sum(counted[key] for key in order[MOST_REASONS:])
    kinds = len(order) - MOST_REASONS
    if rest:
        words = ngettext("%(kinds)s other reason", "%(kinds)s other reasons", kinds) % {"kinds": kinds}
        named.append(FlowCount("screen_failed", "", rest, CodedCell("other_reasons", words)))
    return named


def _label(reason: CodedCell | str) -> str:
    return reason if isinstance(reason, str) else str(reason.label)


STEPS = {
    "considered": gettext_lazy("Considered"),
    "not_approached": Outcome.NOT_APPROACHED.label,
    "declined": Outcome.DECLINED.label,
    "screened": gettext_lazy("Screened"),
    "screen_failed": Patient.State.SCREEN_FAILED.label,
    "in_screening": gettext_lazy("Still in screening"),
    "included": gettext_lazy("Included"),
    "allocated": gettext_lazy("Allocated at random"),
    "infused": gettext_lazy("Received an infusion"),
    "followed": gettext_lazy("Followed up"),
    "left": gettext_lazy("Left the study early"),
    "analysed": gettext_lazy("Analysed"),
}


def _row(counted: FlowCount) -> tuple[Cell, ...]:
    arm = counted.arm or None
    return CodedCell(counted.step, STEPS[counted.step]), arm, counted.reason, counted.people


FIGURE = StudyFigure(
    key="consort",
    title=gettext_lazy("Flow of people (CONSORT)"),
    question=gettext_lazy(
        "How many people were considered, screened, included, infused, followed and analysed?"
    ),
    draw=draw,
)
