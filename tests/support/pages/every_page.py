"""A patient with one row of each kind that has a page, and the addresses of all pages of the trial."""

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from audit.context import acting
from dosing.models import ProductDeviation
from patients.models import Deviation, Patient, SampleMovement
from patients.participation.logs.contacts import ContactFacts, add_contact
from patients.participation.treatment_holds import hold_treatment
from protocol.values.moments import Moment
from tests.support import build
from tests.support.pages.access_matrix import TRIAL_PAGES, sample
from tests.support.pages.event_forms import typed
from tests.support.study import deviations, samples
from trials.roles import ROLES

# No page: a file, a figure to download, a number that the bell asks for.
FILES = {
    "patients:file",
    "reports:profile",
    "reports:notices-count",
    "documents:file",
    "patients:sample-labels",
    "dosing:bag-label",
    "dosing:certificate",
    "dosing:lot-labels",
    "dosing:kit-label",
    "dosing:kits-labels",
    "laboratories:template",
}


def patient_with_pages(slug: str = build.COVID_MSV) -> Patient:
    """Return an included patient with an event, the draft of another, a row of a log, a contact and two deviations."""
    patient = build.enrolled(trial=build.trial(slug))
    nurse = build.user("coordinator", trial=patient.trial)
    build.event(patient=patient)
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
    return patient


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
    special = {
        "patients:fact": {"key": consent},
        "patients:consent-correct": {"number": consent},
        "patients:consent-strike": {"number": consent},
        "patients:sample-reverse": {"movement": _last_movement(patient)},
        **dict.fromkeys(("patients:log", "patients:logs", "patients:log-query", "patients:log-strike"), log),
    }
    kwargs = {**sample(patient.trial, patient), **special.get(name, {})}
    return reverse(name, kwargs={key: kwargs[key] for key in ("slug", *pattern.pattern.converters)})


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
