"""Cases of drug safety for training: one sent with its follow-up, one not reportable, one overdue, and a coded term."""

from datetime import timedelta

from demo.adverse_events import report
from demo.stories import ARRHYTHMIA
from demo.team import TrialTeam
from dosing.allocation.slots import arm_of
from patients.models import Patient
from protocol.values.moments import Moment
from safety.dictionaries.coding import code_event
from safety.dictionaries.files import FileTerm, Release
from safety.dictionaries.loading import load_dictionary, own_version
from safety.dictionaries.models import Dictionary, DictionaryTerm
from safety.models import AdverseEvent, CaseDecision
from safety.sae_reports.sending import send_report
from safety.sponsor.cases import judge_case, versions_at_onset
from safety.sponsor.decisions import decide_case, send_follow_up
from safety.terms.own_terms import TERMS

NARRATIVE = (
    "An irregular heartbeat was seen on the monitor. The patient was treated in intensive care and the rhythm became "
    "regular again. No other cause was found."
)
NEWS = "The 24-hour recording is normal."
# Long enough ago for the report and its follow-up to be past.
DAYS_SINCE_INCLUSION = 24
OVERDUE = "Deep vein thrombosis"


def follow_cases(team: TrialTeam) -> None:
    """Let drug safety judge three events of the trial, and code a term of them.

    In a masked trial one patient had the product and one the placebo: the first report is sent, the other is not
    reportable. All others see two cases that are alike.
    """
    with_cells, without = _patients(team)
    for patient, is_reportable in ((with_cells, True), (without, False)):
        if patient is not None:
            _decide(team, _reported(team, patient), is_reportable=is_reportable or not team.trial.masked)
    overdue = AdverseEvent.objects.filter(trial=team.trial, term=OVERDUE).order_by("pk").first()
    if overdue is not None:
        overdue.patient.trial = team.trial
        _judge(team, overdue)
        _code(team, overdue)


def _patients(team: TrialTeam) -> tuple[Patient | None, Patient | None]:
    """Return a patient with cells and one without; in an open trial two patients."""
    since = team.today - timedelta(days=DAYS_SINCE_INCLUSION)
    rows = Patient.objects.filter(trial=team.trial, enrolled_on__lte=since, ended_on=None)
    found = list(rows.select_related("trial__protocol", "protocol").order_by("number"))
    if not team.trial.masked:
        first, second, *_others = [*found, None, None]
        return first, second
    arms = [(patient, arm) for patient in found if (arm := arm_of(patient)) is not None]
    return (
        next((patient for patient, arm in arms if arm.cells), None),
        next((patient for patient, arm in arms if not arm.cells), None),
    )


def _reported(team: TrialTeam, patient: Patient) -> AdverseEvent:
    """Report a life-threatening event, and send the narrative of the site with a follow-up."""
    if patient.enrolled_on is None:
        raise ValueError(f"{patient} is not included")
    report(team, patient, ARRHYTHMIA, patient.enrolled_on)
    event = patient.adverse_events.order_by("number").last()
    if event is None:
        raise ValueError(f"{patient} has no event")
    with team.as_role("investigator") as by:
        for number, news in enumerate(("", NEWS)):
            told = f"{NARRATIVE} {news}".strip()
            key = f"demo-{event.pk}-{number}"
            send_report(event=event, narrative=told, news=news, version=event.version, save_key=key, by=by)
    return _again(team, event)


def _judge(team: TrialTeam, event: AdverseEvent) -> AdverseEvent:
    """Judge an event as drug safety: as related as the site says, and not expected."""
    aware = Moment.from_iso(event.reported).earliest + timedelta(hours=2)
    with team.as_role("sponsor_safety") as by:
        judge_case(
            event=event,
            version=0,
            by=by,
            sponsor_aware=Moment.from_datetime(aware, team.zone),
            sponsor_causality=event.causality,
            expectedness="unexpected",
            reference_version=versions_at_onset(event)[-1],
        )
    return _again(team, event)


def _decide(team: TrialTeam, event: AdverseEvent, *, is_reportable: bool) -> None:
    """Judge an event, and record within its clock what came of it; a report that was sent gets its follow-up."""
    event = _judge(team, event)
    clock = event.case_clocks.get()
    clock.event, clock.patient = event, event.patient
    at = Moment.from_datetime(clock.due_at - timedelta(days=3), team.zone)
    result = CaseDecision.Result.SENT if is_reportable else CaseDecision.Result.NOT_REPORTABLE
    reason = "Reference of the authority: EV-0001" if is_reportable else "Opened for the report: placebo"
    with team.as_role("sponsor_safety") as by:
        decision = decide_case(clock=clock, result=result, at=at, reason=reason, by=by)
        if decision.follow_up_due_at is not None:
            sent = Moment.from_datetime(decision.follow_up_due_at - timedelta(days=2), team.zone)
            send_follow_up(decision=decision, at=sent, by=by)


def _code(team: TrialTeam, event: AdverseEvent) -> None:
    """Code an event in the own list of terms, which stands for the dictionary in training until CTCAE is loaded."""
    version = own_version(team.trial.rules.safety.ctcae)
    terms = [FileTerm(name, name, name, grades="".join(map(str, own.grades))) for name, own in TERMS.items()]
    release = Release(terms, "0" * 64)
    with team.as_role("data_manager") as by:
        dictionary, _new = load_dictionary(kind=Dictionary.Kind.OWN, version=version, release=release)
        term = DictionaryTerm.objects.get(dictionary=dictionary, name="Thromboembolic event")
        code_event(event=event, term=term, words=event.term, by=by)


def _again(team: TrialTeam, event: AdverseEvent) -> AdverseEvent:
    """Return the event as it is stored now, with its patient and trial."""
    row = AdverseEvent.objects.select_related("patient__trial__protocol", "patient__protocol").get(
        pk=event.pk
    )
    row.patient.trial = team.trial
    return row
