"""The casebook: visits, forms, steps and profile of one patient, blinded."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.context import acting
from dosing.models import Infusion
from patients.models import Patient, Record, Visit
from patients.participation import disposition, visits
from reports.casebook.patient_data import PatientData
from reports.casebook.profile import BY_DATE, Chart
from reports.casebook.views import PAPER_STYLE, navigation, progress
from reports.figures import lanes
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages.home import queries_of, rows_of
from tests.support.study import cohort
from trials.access import access_to
from trials.roles import ROLES

pytestmark = pytest.mark.django_db

STYLE = (Path(__file__).resolve().parents[2] / "static" / "stroma.css").read_text(encoding="utf-8")


def address(patient: Patient) -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/"


def page(patient: Patient, role: str = "coordinator", query: str = "") -> str:
    browser = build.client(build.user(role, trial=patient.trial))
    response = browser.get(address(patient) + query)
    assert response.status_code == 200
    return response.content.decode()


def dossier_of(patient: Patient, role: str = "coordinator") -> PatientData:
    access = access_to(user=build.user(role, trial=patient.trial), slug=patient.trial.slug)
    assert access is not None
    return PatientData.open(access, patient.code)


def steps_of(patient: Patient) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {str(step.title): (step.state, step.flags) for step in navigation(dossier_of(patient)).steps}


def test_a_casebook_of_twenty_visits_takes_at_most_twelve_queries(trial):
    """REL-14: a casebook with 20 visits."""
    patient = cohort.patients(trial, 1, days_ago=100)[0]
    browser = build.client(build.user("coordinator", trial=trial))
    few = queries_of(browser, address(patient))
    by = build.user("coordinator", trial=trial)
    with acting(user=by):
        for days in range(8):
            on = patient.screened_on + timedelta(days=days)
            visit = visits.add_unscheduled(patient=patient, on=on, reason="Fever", by=by)
            protocol = patient.protocol
            Record.objects.create(
                patient=patient, visit=visit, protocol=protocol, form="vitals", state="complete", values={}
            )
    assert patient.visits.count() == 20
    assert queries_of(browser, address(patient)) == few <= 12


def test_reading_a_casebook_writes_nothing(trial):
    """A GET changes no row: nothing is computed again and stored on display. A drawing taken along is registered."""
    patient = cohort.patients(trial, 1)[0]
    browser = build.client(build.user("investigator", trial=trial))
    with CaptureQueriesContext(connection) as captured:
        for url in (address(patient), f"{address(patient)}?axis=date"):
            assert browser.get(url).status_code == 200
        assert {query["sql"].split()[0] for query in captured} == {"SELECT"}
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(f"{address(patient)}profile.svg").status_code == 200
    written = re.findall(
        r'(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"', "\n".join(query["sql"] for query in captured)
    )
    assert written == ["audit_accessevent"]


@pytest.mark.parametrize("role", each_engine_or_one(ROLES))
def test_every_role_reads_the_casebook(trial, role):
    patient = cohort.patients(trial, 1)[0]
    assert patient.code in page(patient, role)


def test_the_casebook_of_another_trial_does_not_exist(trial):
    other = cohort.patients(build.trial(build.COVID_MSV), 1)[0]
    browser = build.client(build.user("coordinator", trial=trial))
    assert browser.get(f"/trials/{trial.slug}/patients/{other.code}/").status_code == 404
    assert browser.get(f"/trials/{trial.slug}/patients/{other.code}/profile.svg").status_code == 404
    assert browser.get(address(other)).status_code == 404


def test_the_page_for_screening_is_not_taken_for_a_patient(trial):
    browser = build.client(build.user("coordinator", trial=trial))
    assert "patients/screen.html" in [
        t.name for t in browser.get(f"/trials/{trial.slug}/patients/screen/").templates
    ]


def test_a_patient_just_screened_has_a_casebook(trial):
    html = page(build.patient(trial=trial))
    assert re.search(r"0 of \d+ forms complete", html)
    assert "none planned yet" in html


def test_home_and_casebook_agree_on_the_status_of_every_visit(trial, as_test):
    """Matrix, navigation and forms show the same state with the same glyph."""
    cohort.patients(trial, 4, days_ago=12)
    build.patient(trial=trial)
    lost = build.enrolled(trial=trial)
    disposition.end_study(
        patient=lost,
        on=build.today(lost),
        reason="withdrawal",
        note="Left",
        by=build.user("coordinator", trial=trial),
    )
    visit = Visit.objects.filter(patient__code="LIE-002", state="planned").first()
    Visit.objects.filter(pk=visit.pk).update(state="missed", missed_reason="Ill")
    for code, cells in rows_of(trial).items():
        places = navigation(dossier_of(Patient.objects.get(code=code))).places
        assert {v.key: (v.state, sorted(v.flags)) for v in places.visits} == {
            key: (cell.state, sorted(cell.flags)) for key, cell in cells.items()
        }


def test_forms_complete_are_counted_of_those_expected(trial, as_test):
    patient = cohort.patients(trial, 1, days_ago=2)[0]
    places = navigation(dossier_of(patient)).places
    complete, expected = progress(places.visits)
    required = sum(form.needed for visit in places.visits for form in visit.forms)
    begun = Record.objects.filter(patient=patient).count()
    assert complete == Record.objects.filter(patient=patient, state="complete").count()
    assert required <= expected <= required + begun


def test_a_missed_visit_expects_no_form(trial, as_test):
    patient = build.enrolled(trial=trial)
    before = progress(navigation(dossier_of(patient)).places.visits)[1]
    by = build.user("coordinator", trial=trial)
    visits.miss_visit(visit=patient.visits.get(code="D90"), reason="Moved away", by=by)
    asked = [entry for entry in patient.protocol.rules.visit("D90").forms if entry.when == "required"]
    assert progress(navigation(dossier_of(patient)).places.visits)[1] == before - len(asked)


def test_a_hostile_term_is_text(trial, as_test):
    patient = build.enrolled(trial=trial)
    build.event(patient=patient, term='<script>alert("x")</script>')
    html = page(patient)
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html


def test_a_new_patient_needs_a_consent_first(trial):
    steps = steps_of(build.patient(trial=trial))
    assert steps["Consent"] == ("not_started", ("due",))
    assert steps["Eligibility"][0] == "not_started"
    assert steps["Inclusion"] == ("not_started", ())


def test_an_eligible_patient_can_be_included_now(trial):
    steps = steps_of(build.eligible(trial=trial))
    assert steps["Eligibility"] == ("signed", ())
    assert steps["Inclusion"] == ("not_started", ("due",))


def test_a_patient_who_can_decide_again_must_confirm_the_consent(trial, as_test):
    patient = build.enrolled(trial=trial)
    patient.consents.update(type="legal_representative", capacity_regained_on=build.today(patient))
    assert steps_of(patient)["Consent"] == ("complete", ("overdue",))


def test_infusions_and_the_end_of_study_are_steps(trial):
    steps = steps_of(cohort.patients(trial, 1)[0])
    assert steps["Infusion 1"] == ("complete", ())
    assert steps["End of study"] == ("not_started", ())


def test_a_screen_failure_has_no_step_left(trial, as_test):
    patient = build.patient(trial=trial)
    Patient.objects.filter(pk=patient.pk).update(
        state="screen_failed", failed_on=build.today(patient), failure_reason="Transferred"
    )
    assert {state for state, _flags in steps_of(patient).values()} == {"not_applicable"}


def lane(patient: Patient, title: str, role: str = "coordinator") -> lanes.Lane:
    chart = Chart(dossier_of(patient, role))
    found = [chart.visits, chart.infusions, chart.events, *chart.logs, *chart.curves]
    return next(each for each in found if each.title == title)


def test_the_profile_shows_every_visit_that_has_a_day(trial):
    patient = cohort.patients(trial, 1)[0]
    marks = lane(patient, "Visits").marks
    assert len(marks) == patient.visits.count()
    assert {mark.css for mark in marks} == {"visit-done", "visit-next"}


def test_the_dose_is_shown_beside_an_infusion_in_an_open_trial(trial):
    patient = cohort.patients(trial, 1)[0]
    assert [mark.label for mark in lane(patient, "Infusions").marks] == ["2.00 ×10⁶/kg"] * 3


@pytest.mark.parametrize(("role", "labels"), [("investigator", [""]), ("cell_laboratory", ["2.00 ×10⁶/kg"])])
def test_a_blinded_reader_sees_the_infusion_without_its_dose(role, labels):
    """BLD-01: the dose is product data."""
    patient = cohort.patients(build.trial(build.COVID_MSV), 1)[0]
    found = lane(patient, "Infusions", role)
    assert [mark.label for mark in found.marks] == labels
    assert ("cells" in found.note) is bool(labels[0])


def test_an_event_without_an_end_goes_on_until_today(trial, as_test):
    patient = build.enrolled(trial=trial)
    build.event(patient=patient)
    bar = lane(patient, "Adverse events").bars[0]
    assert bar.end == 30
    assert bar.label == "Fever · G1 · ongoing"


def test_measured_values_are_placed_on_their_visit(trial):
    patient = cohort.patients(trial, 1)[0]
    curve = lane(patient, "C-reactive protein")
    assert {reading.value for reading in curve.readings} == {48.0}
    assert curve.last == "48.00"


def test_a_value_entered_in_another_unit_is_drawn_in_the_unit_of_the_item(trial, as_test):
    """DAT-10: the entered value is kept; the figure uses the converted one."""
    patient = cohort.patients(trial, 1)[0]
    record = Record.objects.filter(patient=patient, form="biochemistry").last()
    stored = {"crp": {"value": "61.00", "entered": "6.1", "unit": "mg/dL"}}
    Record.objects.filter(pk=record.pk).update(values=stored)
    assert 61.0 in {reading.value for reading in lane(patient, "C-reactive protein").readings}


def test_a_result_beyond_a_limit_is_drawn_at_the_limit_with_its_sign(trial, as_test):
    """LAB-03: the limit is never taken for the result."""
    patient = cohort.patients(trial, 1)[0]
    stored = {"crp": {"comparator": "<", "limit": "0.6"}}
    Record.objects.filter(patient=patient, form="biochemistry").update(values=stored)
    curve = lane(patient, "C-reactive protein")
    assert {(reading.value, reading.sign) for reading in curve.readings} == {(0.6, "<")}
    assert all("<0.6 mg/L" in reading.tip for reading in curve.readings)
    assert curve.last == "<0.6"


def test_a_missing_value_is_not_drawn(trial, as_test):
    """DAT-02: missing is not zero."""
    patient = cohort.patients(trial, 1)[0]
    Record.objects.filter(patient=patient, form="biochemistry").update(values={"crp": {"missing": "ND"}})
    assert lane(patient, "C-reactive protein").readings == []


def test_the_medication_log_is_drawn_from_its_partial_dates(trial, as_test):
    """DAT-05: a partial date covers its possible days; the text imputes nothing."""
    patient = cohort.patients(trial, 1)[0]
    month = f"{patient.screened_on:%Y-%m}"
    Record.objects.create(
        patient=patient, visit=None, protocol=patient.protocol, form="medication", state="complete",
        values={"name": "Dexamethasone", "dose": "6", "dose_unit": "mg", "started_on": month, "ongoing": "Y"},
    )  # fmt: skip
    bar = lane(patient, "Concomitant medication").bars[0]
    assert bar.label == "Dexamethasone 6 mg"
    assert f"UNK-{patient.screened_on:%b}".upper() in bar.tip.upper()


def test_the_casebook_counts_the_forms_that_its_signing_page_offers(trial, as_test):
    """SIG-04: log rows are signed like the forms of visits."""
    patient = cohort.patients(trial, 1)[0]
    for number, state in enumerate(("complete", "complete", "draft"), start=1):
        Record.objects.create(
            patient=patient, visit=None, protocol=patient.protocol, form="medication", repeat=number,
            state=state, values={"name": "Dexamethasone"},
        )  # fmt: skip
    result = int(re.search(r"Sign (\d+) forms", page(patient, "investigator"))[1])
    offered = build.client(build.user("investigator", trial=trial)).get(f"{address(patient)}sign/")
    assert result == offered.content.decode().count('name="chosen"') > 2


def test_the_table_shows_every_mark_of_the_figure(trial):
    patient = cohort.patients(trial, 1)[0]
    profile = Chart(dossier_of(patient)).profile()
    tips = re.findall(r'data-tip="', profile.figure.markup)
    assert len(tips) == len(profile.rows)


def test_the_axis_turns_to_calendar_dates(trial):
    patient = cohort.patients(trial, 1)[0]
    assert "D28<" in page(patient)
    by_date = Chart(dossier_of(patient), BY_DATE).profile().figure.markup
    assert "D28<" not in by_date
    assert f"{patient.screened_on.day} {patient.screened_on:%b %y}" in by_date


def test_the_figure_says_in_words_what_it_shows(trial):
    label = Chart(dossier_of(cohort.patients(trial, 1)[0])).profile().figure.label
    assert "3 infusions given, 2 adverse events" in label
    assert "C-reactive protein 48.00" in label


def test_the_profile_is_sent_as_a_file_of_its_own(trial):
    patient = cohort.patients(trial, 1)[0]
    response = build.client(build.user("monitor", trial=trial)).get(
        f"{address(patient)}profile.svg?axis=date"
    )
    assert response["Content-Type"] == "image/svg+xml"
    assert response["Content-Disposition"] == 'attachment; filename="LIE-001-profile.svg"'
    assert b"<style>" in response.content


def test_every_class_of_the_figures_has_a_rule(trial, as_test):
    """Both the page's style sheet and that of the downloaded file define every class of the figure."""
    patient = cohort.patients(trial, 1)[0]
    Infusion.objects.create(
        patient=patient, number=4, state="not_given", not_given_reason="x", planned_on=build.today(patient)
    )
    drawn = Chart(dossier_of(patient)).profile().figure.markup
    classes = {name for names in re.findall(r'class="([^"]+)"', drawn) for name in names.split()}
    assert {name for name in classes if f".{name}" not in STYLE} == set()
    assert {name for name in classes if f".{name}" not in PAPER_STYLE} == set()


def test_another_protocol_needs_no_code_for_its_profile():
    """A third trial is a file: its own laboratory values, no medication log."""
    third = build.trial("third")
    with acting(system="test"):
        patient = cohort.one(third, 1, build.user("coordinator", trial=third))
    chart = Chart(dossier_of(patient))
    assert [curve.title for curve in chart.curves] == [
        third.rules.item(path).label.in_language("en") for path in third.rules.profile.labs
    ]
    assert chart.profile().figure.height > 100
    assert Decimal(chart.profile().figure.width) == 1080
