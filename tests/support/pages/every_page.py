"""A patient with one row of each kind that has a page, and the addresses of all pages of the trial."""

from collections.abc import Iterator
from datetime import timedelta

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from dosing.models import ProductDeviation
from patients.models import Deviation, Patient, SampleMovement
from patients.participation.logs.contacts import ContactFacts, add_contact
from patients.participation.treatment.treatment_holds import hold_treatment
from protocol.values.moments import Moment
from reports.models import OwnQuestion, QuestionRow
from reports.own_questions.keeping import QuestionFacts, save_question
from safety.course.grade_changes import change_grade
from safety.course.links import link_event, targets_of
from safety.models import AdverseEvent, CaseClock, CaseTerm, EventGrade, EventLink
from safety.sponsor.cases import judge_case
from safety.sponsor.decisions import decide_case
from tests.support import build
from tests.support.pages.access_matrix import TRIAL_PAGES, sample
from tests.support.pages.event_forms import typed
from tests.support.study import deviations, samples
from tests.support.study.invented_dictionary import coded_case
from trials.models import Trial
from trials.roles import ROLES

# No page: a file, a figure to download, a number that the bell asks for.
FILES = {
    "patients:file",
    "reports:profile",
    "reports:safety-review-drawing",
    "reports:figure-svg",
    "reports:figure-png",
    "reports:figure-csv",
    "reports:notices-count",
    "documents:file",
    "patients:sample-labels",
    "dosing:bag-label",
    "dosing:certificate",
    "dosing:lot-labels",
    "dosing:kit-label",
    "dosing:kits-labels",
    "laboratories:template",
    # The file E2B(R3) is refused for an incomplete case.
    "safety:authority-e2b",
    "exports:cioms",
    "exports:unblinded-e2b",
}


def patient_with_pages(slug: str = build.COVID_MSV) -> Patient:
    """Return an included patient with an event, the draft of another, a row of a log, a contact and two deviations."""
    patient = build.enrolled(trial=build.trial(slug))
    nurse = build.user("coordinator", trial=patient.trial)
    followed_event(patient)
    keep = reverse("safety:report-keep", args=[patient.trial.slug, patient.code])
    build.client(nurse).post(keep, typed(patient))
    build.record(patient, "medication", {}, visit=None, draft=True, by=nurse)
    today = patient.trial.today
    for log, category in ((Deviation, "medication"), (ProductDeviation, "dose")):
        when = {"occurred_on": Moment.from_date(today), "detected_on": today}
        deviations.added(patient, nurse, log=log, category=category, **when)
    attempt = ContactFacts(tried_on=today, way="phone", tried_by="Nurse", outcome="no_answer", note="")
    with acting(user=nurse, role="coordinator", origin="web"):
        add_contact(patient=patient, facts=attempt, by=nurse)
    visit = samples.held(patient, "INF1", nurse)
    sample = samples.collected(visit, nurse)
    later = samples.clock(patient, visit.held_on, "12:00")
    samples.shipped(patient.trial, list(sample.aliquots.all()), nurse, later)
    with acting(user=nurse, role="coordinator"):
        hold_treatment(patient=patient, rule="SR3", title="A related event", events=["AE 1"], by=nurse)
        asked_question(patient.trial, nurse)
    return patient


def asked_question(trial: Trial, by: User) -> QuestionRow:
    """Return a shared question that the demography of every patient answers."""
    facts = QuestionFacts(
        name="Known sex", form="demography", condition="sex in ['F', 'M']", columns=["sex", "age"], item="sex",
        shared=True, on_home=False, restricted=False,
    )  # fmt: skip
    return save_question(trial=trial, facts=facts, by=by)


def followed_event(patient: Patient) -> AdverseEvent:
    """Return a serious event with a grade and a link, and a case whose report was sent and has a follow-up."""
    learned = Moment.from_datetime(timezone.now() - timedelta(hours=6), patient.trial.time_zone)
    event = build.event(
        patient=patient, seriousness=frozenset({"life_threatening"}), aware=learned, onset=learned
    )
    doctor, officer = (build.user(role, trial=patient.trial) for role in ("investigator", "sponsor_safety"))
    with acting(user=doctor, role="investigator"):
        change_grade(event=event, grade=2, since=learned, by=doctor, version=1)
        event = AdverseEvent.objects.get(pk=event.pk)
        target = targets_of(patient)[0].key
        link_event(event=event, target=target, role="evidence", by=doctor, version=event.version)
    with acting(user=officer, role="sponsor_safety"):
        judge_case(
            event=event, version=0, by=officer, sponsor_aware=learned, sponsor_causality="possible",
            expectedness="unexpected", reference_version="1.0",
        )  # fmt: skip
        coded_case(event)
        decide_case(clock=event.case_clocks.get(), result="sent", at=learned, by=officer)
    return event


def trial_patterns() -> dict[str, URLPattern]:
    """Return the pattern of every page of a trial that can be opened, by its name."""
    found = dict(_patterns(get_resolver().url_patterns))
    return {
        name: found[name]
        for name, (see, _change) in sorted(TRIAL_PAGES.items())
        if see is not None and name not in FILES
    }


def page_of(patient: Patient, name: str, pattern: URLPattern) -> str:
    """Return the address of a page, with the parameters of the patient."""
    consent = patient.consents.get().pk
    log = {"form": "medication"}
    asked = OwnQuestion.objects.filter(trial=patient.trial).order_by("pk").last()
    own = {"number": asked.pk if asked is not None else 1}
    special = {
        "patients:fact": {"key": consent},
        "patients:consent-correct": {"number": consent},
        "patients:consent-strike": {"number": consent},
        "patients:sample-reverse": {"movement": _last_movement(patient)},
        "safety:grade-strike": {"row": _last(EventGrade, patient)},
        "safety:authority-term-remove": {"row": _last(CaseTerm, patient)},
        "safety:link-strike": {"row": _last(EventLink, patient)},
        **{
            key: {"clock": _last(CaseClock, patient)}
            for key in ("safety:case-decide", "safety:case-follow-up")
        },
        **{f"reports:own-question{step}": own for step in ("", "-ask", "-change", "-retire")},
        **dict.fromkeys(("patients:log", "patients:logs", "patients:log-query", "patients:log-strike"), log),
    }
    kwargs = {**sample(patient.trial, patient), **special.get(name, {})}
    return reverse(name, kwargs={key: kwargs[key] for key in ("slug", *pattern.pattern.converters)})


def _last(model: type[EventGrade | EventLink | CaseClock | CaseTerm], patient: Patient) -> int:
    """Return the key of the last row of the patient; that of none without one."""
    row = model.objects.filter(patient=patient).order_by("pk").last()
    return row.pk if row is not None else 1


def _last_movement(patient: Patient) -> int:
    """Return the key of the last movement of a tube; a key of none for a patient without samples."""
    return (
        SampleMovement.objects.filter(patient=patient).order_by("pk").values_list("pk", flat=True).last() or 1
    )


def may_open(role: str, name: str) -> bool:
    """Return whether a role may open a page."""
    return TRIAL_PAGES[name][0] in ROLES[role].permissions


def _patterns(patterns: list[URLPattern | URLResolver], space: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = ":".join(filter(None, (space, pattern.namespace)))
            yield from _patterns(pattern.url_patterns, inner)
        else:
            yield ":".join(filter(None, (space, pattern.name))), pattern
