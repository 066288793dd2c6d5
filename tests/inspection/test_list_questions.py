"""Questions of inspectors over all patients: lists two clicks from the home page, against the database."""

import csv
import io
from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import signatures
from audit.context import acting
from audit.models import TrailIndexRow
from audit.trail_index.building import refresh
from patients.models import Consent, Deviation, Patient, Record, Visit
from patients.participation.visits import hold_visit
from tests.support import build
from tests.support.pages.inspecting import InspectorAtScreen
from tests.support.study.deviations import added
from tests.support.study.eligible_answers import at
from tests.support.study.samples import collected, held

pytestmark = pytest.mark.django_db
SCREENED = date(2026, 3, 1)


def inspector_at(trial, *, follow, role="inspector"):
    reader = InspectorAtScreen(trial, role)
    reader.follow("Data quality")
    reader.follow(follow)
    return reader


def rows_of(reader):
    return [row.object for row in reader.page.context["listing"].rows]


def csv_of(reader, **query):
    answer = reader.browser.get(reader.page.request["PATH_INFO"], {**query, "format": "csv"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def sampled(patient, clock, form="biochemistry"):
    """Store a form whose blood was taken on the day of screening, at a time or without one."""
    zone = patient.protocol.rules.trial.site.time_zone
    taken = {"sampled_at": at(patient.screened_on, clock, zone)}
    with acting(system="test"):
        return Record.objects.create(
            patient=patient, protocol=patient.protocol, form=form, state="draft", values=taken,
            visit=Visit.objects.get(patient=patient, code="SCR"),
        )  # fmt: skip


def consented(patient, clock):
    zone = patient.protocol.rules.trial.site.time_zone
    return build.consent(
        patient, given=build.moment(at(patient.screened_on, clock, zone)[:16].replace("T", " "))
    )


def test_did_consent_come_before_the_first_procedure_for_all_patients(trial):
    """Question 21: both moments, what was done, the minutes between, and who had a procedure first. CEL-14."""
    good, bad, none, nothing = (build.patient(trial=trial, screened_on=SCREENED) for _each in range(4))
    consented(good, "08:00")
    consented(bad, "09:30")
    consented(nothing, "08:00")
    for patient, clock in ((good, "08:50"), (good, "12:00"), (bad, "09:15"), (none, "09:00")):
        sampled(patient, clock, "biochemistry" if clock != "12:00" else "haematology")
    inspector = inspector_at(trial, follow="Consent before the first procedure")
    told = {row.code: (row.first.verdict, row.first.minutes) for row in rows_of(inspector)}
    stored = {
        patient.code: consent.given_at
        for patient in (good, bad, nothing)
        for consent in Consent.objects.filter(patient=patient)
    }
    late = csv_of(inspector, verdict="before")

    assert told == {
        good.code: ("after", 50),
        bad.code: ("before", -15),
        none.code: ("no_consent", None),
        nothing.code: ("no_procedure", None),
    }
    assert {row.code: row.first.consent.given_at for row in rows_of(inspector) if row.first.consent} == stored
    assert "Biochemistry and coagulation, 01-Mar-2026 08:50 +01:00" in inspector.text
    assert [(row["patient"], row["minutes"]) for row in late] == [(bad.code, "-15")]
    assert inspector.clicks <= 3


def test_a_procedure_without_a_time_on_the_day_of_the_consent_is_not_called_right(trial):
    """What the data do not decide is said, not guessed. DAT-05."""
    patient = build.patient(trial=trial, screened_on=SCREENED)
    consented(patient, "08:00")
    record = sampled(patient, "08:50")
    with acting(system="test"):
        Record.objects.filter(pk=record.pk).update(values={"sampled_at": "2026-03-01"})
    (row,) = rows_of(inspector_at(trial, follow="Consent before the first procedure"))
    assert (row.first.verdict, row.first.minutes) == ("undecided", None)


def test_a_procedure_without_a_time_does_not_hide_one_that_came_before_the_consent(trial):
    """Question 21: the day alone begins at midnight, before every time of it. CEL-14, DAT-05."""
    patient = build.patient(trial=trial, screened_on=SCREENED)
    consented(patient, "09:30")
    sampled(patient, "09:15")
    other = sampled(patient, "08:50", "haematology")
    with acting(system="test"):
        Record.objects.filter(pk=other.pk).update(values={"sampled_at": "2026-03-01"})
    (row,) = rows_of(inspector_at(trial, follow="Consent before the first procedure"))
    assert (row.first.verdict, row.first.minutes) == ("before", -15)


def test_a_sample_with_tubes_is_a_procedure_too(trial, nurse):
    """Question 21: a consent that was corrected to a later hour lies after the sample. CEL-14."""
    patient = build.enrolled(trial=trial, on=SCREENED)
    sample = collected(held(patient, "D7", nurse, SCREENED + timedelta(days=7)), nurse)
    for record in Record.objects.filter(patient=patient):
        build.struck_out(record)
    with acting(system="test"):
        Consent.objects.filter(patient=patient).update(
            given=at(sample.visit.held_on, "10:40", trial.time_zone),
            given_at=sample.collected_at + timedelta(minutes=40),
        )
    reader = inspector_at(trial, follow="Consent before the first procedure")
    (row,) = rows_of(reader)
    assert (row.first.verdict, row.first.minutes) == ("before", -40)
    assert f"Sample {sample.code}" in reader.text


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_who_has_to_consent_again_and_since_when(trial):
    """Question 22: by an amendment since it asked, and since capacity was regained. P11-11."""
    amended, regained, settled = (build.patient(trial=trial, screened_on=SCREENED) for _each in range(3))
    for patient, kind in ((amended, "patient"), (regained, "legal_representative"), (settled, "patient")):
        build.consent(patient, type=kind)
    with time_machine.travel(timezone.now() - timedelta(days=9), tick=False), acting(system="test"):
        Patient.objects.filter(pk=amended.pk).update(reconsent_version="9.0")
    with acting(system="test"):
        Patient.objects.filter(pk=amended.pk).update(screened_on=SCREENED - timedelta(days=1))
        Consent.objects.filter(patient=regained).update(capacity_regained_on=date(2026, 3, 20))
    inspector = inspector_at(trial, follow="Consent to be given again")
    asked = Patient.history.filter(id=amended.pk, reconsent_version="9.0").order_by("history_id").first()

    assert {row.code: row.due.since for row in rows_of(inspector)} == {
        amended.code: asked.history_date.astimezone(trial.zone).date(),
        regained.code: Consent.objects.get(patient=regained).capacity_regained_on,
    }
    # What is due stands in words, and never without the version.
    (own,) = csv_of(inspector, why="regained")
    version = Consent.objects.get(patient=regained).version
    assert (own["patient"], own["version"]) == (regained.code, version)
    assert own["due"] == f"Own consent after regained capacity, to version {version}"
    assert own["due"] in inspector.text
    assert "Consent to the amended version 9.0" in inspector.text
    assert [row["days"] for row in csv_of(inspector, why="amended")] == ["9"]
    assert settled.code not in inspector.text
    assert inspector.clicks <= 3


@pytest.mark.one_engine
def test_how_long_after_the_visit_were_data_entered(trial, nurse):
    """Question 24: days from the visit to the first entry and to completion, each form. DAT-06."""
    patient = build.patient(trial=trial, by=nurse, screened_on=SCREENED)
    build.consent(patient, by=nurse)
    visit = Visit.objects.get(patient=patient, code="SCR")
    with acting(user=nurse, role="coordinator"):
        hold_visit(visit=visit, on=SCREENED, by=nurse)
    for form, day, draft in (("vitals", 2, True), ("biochemistry", 12, True)):
        with time_machine.travel(f"2026-03-{day:02}T09:00:00Z", tick=False):
            build.record(patient, form, {}, draft=draft, by=nurse)
    inspector = inspector_at(trial, follow="Delay of entry")
    stored = {
        record.form: (record.created_at.astimezone(trial.zone).date() - record.visit.held_on).days
        for record in Record.objects.select_related("visit")
    }

    assert {row["form"]: int(row["days"]) for row in csv_of(inspector)} == stored
    assert stored == {"vitals": 1, "biochemistry": 11}
    assert [row["form"] for row in csv_of(inspector, days="10")] == ["biochemistry"]
    assert {row["form"] for row in csv_of(inspector, completed_days="0")} == set(stored)
    assert inspector.clicks <= 3


@pytest.mark.one_engine
@pytest.mark.usefixtures("any_value")
def test_which_data_changed_after_inclusion_or_signature_of_all_patients(trial, nurse):
    """Questions 9, 10 and 23 over all patients: each number leads to exactly its entries of the trail. AUD-11."""
    quiet, busy = (build.patient(trial=trial, by=nurse, screened_on=SCREENED) for _each in range(2))
    investigator = build.user("investigator", trial=trial)
    with acting(system="test"):
        record = Record.objects.create(
            patient=busy, protocol=busy.protocol, form="vitals", state="draft", values={"sbp": "80"}
        )
    with acting(user=investigator, role="investigator"):
        signatures.sign(target=record, meaning="review", password=build.PASSWORD, by=investigator)
    with (
        time_machine.travel(timezone.now() + timedelta(hours=14), tick=False),
        acting(user=nurse, origin="web"),
    ):
        Record.objects.filter(pk=record.pk).update(values={"sbp": "81"})
        added(busy, nurse)
        inspector = inspector_at(trial, follow="Changes by patient")
        found = {row.code: row.changes for row in rows_of(inspector)}
        with_signed = csv_of(inspector, having="signed")
        numbers = found[busy.code].entries
        trail = InspectorAtScreen(trial)
        trail.follow("Audit trail")
        trail.filter(patient=busy.code, state="after_signature")
    assert refresh()
    stored = TrailIndexRow.objects.filter(trial_id=trial.pk, patient_id=busy.pk, after_signature=True).count()

    assert numbers["signed"] == stored == trail.total > 0
    assert numbers["outside"] > 0
    assert found[quiet.code].entries["signed"] == 0
    assert found[busy.code].deviations == Deviation.objects.filter(patient=busy).count() == 1
    assert [row["patient"] for row in with_signed] == [busy.code]
    assert inspector.clicks <= 3


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ("Night and weekend", "state=outside"),
        ("Many by one person in minutes", "state=in_bulk"),
        ("Eligibility data changed after inclusion", "state=after_inclusion"),
    ],
)
def test_entries_of_all_patients_are_two_clicks_away(trial, words, query):
    """Questions 9 and 23: the links lead to the trail with the filter set."""
    inspector = inspector_at(trial, follow=words)
    assert query in inspector.page.request["QUERY_STRING"]
    assert inspector.clicks == 2


def test_every_deviation_is_two_clicks_away(trial, nurse):
    """Every deviation that is in force or struck out, of all patients."""
    for _each in range(2):
        added(build.patient(trial=trial, screened_on=SCREENED), nurse)
    inspector = inspector_at(trial, follow="Every deviation")
    assert {row.pk for row in rows_of(inspector)} == set(Deviation.objects.values_list("pk", flat=True))


PAGES = ("consent", "reconsent", "entry", "changes")


@pytest.mark.parametrize("page", PAGES)
def test_the_number_of_statements_does_not_grow_with_the_patients(trial, page):
    """PERF: one page costs the same for one patient and for three."""
    browser = build.client(build.user("inspector", trial=trial))
    costs = []
    for more in (1, 2):
        for _each in range(more):
            patient = build.patient(trial=trial, screened_on=SCREENED)
            build.consent(patient)
            record = sampled(patient, "09:00")
            with acting(system="test"):
                Patient.objects.filter(pk=patient.pk).update(reconsent_version="9.0")
                Visit.objects.filter(pk=record.visit_id).update(held_on=SCREENED, state="held")
        refresh()
        browser.get(f"/trials/{trial.slug}/lists/{page}/")
        with CaptureQueriesContext(connection) as counted:
            shown = browser.get(f"/trials/{trial.slug}/lists/{page}/")
        costs.append(len(counted))
        assert shown.context["listing"].total == Patient.objects.count()
    assert costs[0] == costs[1] <= 26


@pytest.mark.parametrize(
    ("page", "query"),
    [("consent", "verdict=never"), ("reconsent", "why=no"), ("entry", "days=x"), ("changes", "having=all")],
)
def test_a_filter_that_cannot_be_read_lists_nothing_and_says_so(trial, page, query):
    build.patient(trial=trial, screened_on=SCREENED)
    browser = build.client(build.user("inspector", trial=trial))
    answer = browser.get(f"/trials/{trial.slug}/lists/{page}/?{query}")
    assert "A filter could not be read" in answer.content.decode()
    assert rows_of_answer(answer) == []


def rows_of_answer(answer):
    return answer.context["listing"].rows
