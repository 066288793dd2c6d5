"""Figures by arm, from patients, infusions and adverse events: for readers of the closed report only (BLD-01)."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from dosing.models import Infusion
from patients.models import Patient
from safety.models import NOT_OF_SPECIAL_INTEREST, AdverseEvent
from trials.models import Trial

HIGHEST_GRADE = 5
End = Patient.EndReason


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One figure of the report: its label, and a number for each arm in the order of the arms."""

    label: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ClosedReport:
    """The arms by title, and the lines of the report."""

    arms: tuple[str, ...]
    lines: tuple[ReportLine, ...]


@dataclass(frozen=True, slots=True)
class _Event:
    patient: int
    grade: int
    serious: bool
    related: bool
    outcome: str
    results_in_death: bool
    aesi: str

    @property
    def fatal(self) -> bool:
        """Return whether any of its answers says that the patient died of it."""
        return (
            self.grade == HIGHEST_GRADE or self.outcome == AdverseEvent.Outcome.FATAL or self.results_in_death
        )


def closed_report(trial: Trial, language: str) -> ClosedReport:
    """Return the report as of now. Three queries. Without an allocation all included patients are one arm."""
    ends = _ends_of(trial)
    arm_by_patient = {patient: arm for patient, (arm, _reason) in ends.items()}
    arms = [arm.code for arm in trial.rules.arms] if trial.rules.allocation is not None else [""]
    titles = {arm.code: arm.title.in_language(language) for arm in trial.rules.arms}

    def line(label: str, patients: Iterable[int]) -> ReportLine:
        counted = Counter(arm_by_patient[each] for each in patients if each in arm_by_patient)
        return ReportLine(label, tuple(counted[arm] for arm in arms))

    given = Infusion.objects.filter(patient__trial=trial, state=Infusion.State.GIVEN)
    infused = list(given.order_by("pk").values_list("patient_id", flat=True))
    lines = [
        line(_("Patients"), arm_by_patient),
        line(_("Patients with an infusion"), set(infused)),
        line(_("Infusions given"), infused),
        line(_("Patients who died"), _ended_by(ends, End.DEATH)),
        line(_("Patients who left the study early"), _ended_by(ends, End.WITHDRAWAL, End.LOST)),
        *_of_events(line, _events(trial)),
    ]
    return ClosedReport(tuple(titles.get(arm, _("All patients")) for arm in arms), tuple(lines))


def _ends_of(trial: Trial) -> dict[int, tuple[str, str]]:
    """Return the arm of each patient, and why the study ended, empty while it goes on. One query."""
    patients = Patient.objects.filter(trial=trial).order_by("pk")
    if trial.rules.allocation is None:
        included = patients.filter(enrolled_at__isnull=False).values_list("pk", "end_reason")
        return {patient: ("", reason) for patient, reason in included}
    allocated = patients.filter(allocation__isnull=False).values_list("pk", "allocation__arm", "end_reason")
    return {patient: (arm, reason) for patient, arm, reason in allocated}


def _ended_by(ends: dict[int, tuple[str, str]], *reasons: str) -> list[int]:
    return [patient for patient, (_arm, reason) in ends.items() if reason in reasons]


def _events(trial: Trial) -> list[_Event]:
    names = ("patient_id", "grade", "serious", "related", "outcome", "results_in_death", "aesi")
    rows = AdverseEvent.objects.filter(trial=trial).not_in_error().order_by("pk").values_list(*names)
    return [_Event(*row) for row in rows]


def _of_events(line: Callable[[str, Iterable[int]], ReportLine], events: list[_Event]) -> list[ReportLine]:
    """Return events and the patients who had one, for all, the serious and related ones, and by grade."""

    def both(events_label: str, patients_label: str, chosen: list[_Event]) -> list[ReportLine]:
        return [
            line(events_label, (each.patient for each in chosen)),
            line(patients_label, {each.patient for each in chosen}),
        ]

    serious = [each for each in events if each.serious]
    related = [each for each in serious if each.related]
    special = [each for each in events if each.aesi not in ("", NOT_OF_SPECIAL_INTEREST)]
    by_grade = [
        line(
            _("Events of grade %(grade)d") % {"grade": grade},
            (each.patient for each in events if each.grade == grade),
        )
        for grade in range(1, HIGHEST_GRADE + 1)
    ]
    return [
        *both(_("Adverse events"), _("Patients with an adverse event"), events),
        *by_grade,
        *both(_("Serious adverse events"), _("Patients with a serious adverse event"), serious),
        *both(
            _("Related serious adverse events"), _("Patients with a related serious adverse event"), related
        ),
        *both(_("Events of special interest"), _("Patients with an event of special interest"), special),
        line(_("Patients with a fatal event"), {each.patient for each in events if each.fatal}),
    ]
