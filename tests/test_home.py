"""The home page: what waits for each role, where every patient stands, and how the trial goes."""

import re
from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.access import access_to
from accounts.roles import ROLES
from audit.context import acting
from audit.models import Signature
from dosing.models import AllocationSlot, Infusion, Preparation
from patients import ending, visiting
from patients.models import Consent, Patient, Query, Record, Visit
from patients.navigation import stage_of
from patients.standing import STAGE, STAGES, first_unfinished, visit_stage, visit_standing
from reports import event_grades, quality, recruitment
from reports.matrix import columns_of, matrix, visits_of
from reports.tasks import TILES
from reports.work import Work
from tests import build, cohort
from trials.protocol import VisitForm
from trials.protocol_design import TrialFacts

pytestmark = pytest.mark.django_db

TODAY = date(2021, 3, 10)
HOME = f"/trials/{build.LIEGE}/"
BLINDED = ("coordinator", "investigator", "monitor", "data_manager", "administrator")


@pytest.fixture
def trial():
    return build.trial()


def get(url, trial, role="coordinator"):
    return build.client(build.user(role, trial=trial)).get(url)


def page(url, trial, role="coordinator") -> str:
    response = get(url, trial, role)
    assert response.status_code == 200
    return response.content.decode()


def without_token(html: str) -> str:
    """Return the page without what differs at every visit: the token against forged requests."""
    return re.sub(r"[A-Za-z0-9]{64}", "", html)


def work_of(trial, role="coordinator") -> Work:
    person = build.user(role, trial=trial)
    access = access_to(user=person, slug=trial.slug)
    assert access is not None
    return Work(access)


def rows_of(trial):
    access = work_of(trial).access
    found = list(Patient.objects.filter(trial=trial).order_by("number"))
    columns = columns_of(visits_of(trial.rules))
    rows = matrix(access=access, patients=found, columns=columns, today=build.today(found[0]))
    return {row.patient.code: dict(zip([c.code for c in columns], row.cells, strict=True)) for row in rows}


# Where a visit stands


FORMS = [VisitForm(form="vitals"), VisitForm(form="labs"), VisitForm(form="scan", when="available")]
REQUIRED = frozenset({"vitals", "labs"})


def test_a_visit_nobody_began_is_not_started():
    assert visit_stage(REQUIRED, {}) == "not_started"


def test_a_visit_that_lacks_a_required_form_is_a_draft():
    assert visit_stage(REQUIRED, {"vitals": 4}) == "draft"


def test_a_form_asked_only_when_available_does_not_hold_a_visit_back():
    assert visit_stage(REQUIRED, {"vitals": 1, "labs": 1}) == "complete"


def test_an_optional_form_that_was_begun_counts():
    assert visit_stage(REQUIRED, {"vitals": 1, "labs": 1, "scan": 0}) == "draft"


@given(st.dictionaries(st.sampled_from(["vitals", "labs", "scan"]), st.integers(0, 4), min_size=1))
def test_a_visit_is_never_further_than_its_least_advanced_form(stages):
    shown = STAGES.index(visit_stage(REQUIRED, stages))
    assert shown <= min(stages.values())
    assert shown == min(stages.values()) or not stages.keys() >= REQUIRED


@given(st.dictionaries(st.sampled_from(["vitals", "labs", "scan"]), st.integers(0, 4)))
def test_a_visit_leads_to_a_form_with_work_left_if_there_is_one(stages):
    found = first_unfinished(FORMS, stages)
    left = [form for form in REQUIRED if stages.get(form, 0) == 0] + [
        f for f, stage in stages.items() if stage == 0
    ]
    assert found in left or (not left and found == "vitals")


@pytest.mark.parametrize(
    ("state", "window", "begun", "open_patient", "expected"),
    [
        ("planned", (1, 3), "not_started", True, ("not_started", [])),
        ("planned", (-1, 1), "not_started", True, ("not_started", ["due"])),
        ("planned", (-3, 0), "draft", True, ("draft", ["due"])),
        ("planned", (-3, -1), "not_started", True, ("not_started", ["overdue"])),
        ("planned", (-3, -1), "not_started", False, ("not_applicable", [])),
        ("planned", (None, None), "not_started", True, ("not_started", [])),
        ("held", (-3, -1), "not_started", True, ("not_started", ["due"])),
        ("held", (-3, -1), "draft", True, ("draft", ["due"])),
        ("held", (-3, -1), "draft", False, ("draft", [])),
        ("held", (-3, -1), "complete", True, ("complete", [])),
        ("missed", (-3, -1), "not_started", True, ("missed", [])),
    ],
)
def test_a_visit_is_due_inside_its_window_and_overdue_after_it(state, window, begun, open_patient, expected):
    days = tuple(None if day is None else TODAY + timedelta(days=day) for day in window)
    found = visit_standing(state=state, window=days, begun=begun, open_patient=open_patient, today=TODAY)
    assert found == expected


def test_database_and_page_agree_on_the_stage_of_a_record(trial, as_test):
    patient = cohort.patients(trial, 1)[0]
    records = list(Record.objects.filter(patient=patient).order_by("pk")[:5])
    Record.objects.filter(pk=records[0].pk).update(state="draft")
    Record.objects.filter(pk=records[2].pk).update(verified_at=cohort.at(TODAY))
    sign(records[3])
    Record.objects.filter(pk=records[4].pk).update(locked_at=cohort.at(TODAY))
    found = Record.objects.with_marks().annotate(stage=STAGE).filter(patient=patient)
    assert {stage_of(record) for record in found} == set(STAGES)
    assert [STAGES[record.stage] for record in found] == [stage_of(record) for record in found]


def sign(record: Record) -> None:
    Signature.objects.create(
        target_type="patients.record", target_id=record.pk, trial_id=record.patient.trial_id,
        patient_id=record.patient_id, meaning="review", signer_id=1, signer_name="x", printed_name="X",
        role="investigator", signed_at=cohort.at(TODAY), zone="Europe/Brussels", content_hash="0" * 64,
        manifest_hash="0" * 64,
    )  # fmt: skip


# The matrix


def test_a_cell_leads_to_the_first_form_that_is_not_complete(trial, as_test):
    patient = cohort.patients(trial, 1)[0]
    vitals = Record.objects.get(patient=patient, visit__code="SCR", form="vitals")
    Record.objects.filter(pk=vitals.pk).update(state="draft")
    cell = rows_of(trial)[patient.code]["SCR"]
    assert (cell.state, cell.url) == ("draft", f"{HOME}patients/{patient.code}/visits/SCR/vitals/")


def test_a_cell_says_how_many_forms_are_complete(trial):
    patient = cohort.patients(trial, 1)[0]
    asked = len(trial.rules.visit("SCR").forms)
    assert f"{asked} of {asked} forms" in rows_of(trial)[patient.code]["SCR"].of


def test_every_cell_leads_to_a_page(trial):
    cohort.patients(trial, 2, days_ago=10)
    browser = build.client(build.user("coordinator", trial=trial))
    cells = [cell for row in rows_of(trial).values() for cell in row.values()]
    assert {browser.get(cell.url).status_code for cell in cells} == {200}


def test_an_open_query_flags_its_visit(trial):
    patient = cohort.patients(trial, 1)[0]
    asked = Query.objects.get(patient=patient).record.visit
    flagged = {code for code, cell in rows_of(trial)[patient.code].items() if "query" in cell.flags}
    assert flagged == {asked.code}


def test_a_missed_visit_is_shown_as_missed(trial, as_test):
    patient = build.enrolled(trial=trial)
    by = build.user("coordinator", trial=trial)
    visiting.miss_visit(visit=patient.visits.get(code="D7"), reason="Too ill to be moved", by=by)
    assert rows_of(trial)[patient.code]["D7"].state == "missed"


def test_visits_after_the_end_of_the_study_are_not_applicable(trial, as_test):
    patient = build.enrolled(trial=trial)
    by = build.user("coordinator", trial=trial)
    ending.end_study(patient=patient, on=build.today(patient), reason="lost", note="", by=by)
    assert rows_of(trial)[patient.code]["D90"].state == "not_applicable"
    assert "lost to follow-up" in page(HOME, trial)


def test_a_screen_failure_has_no_visits_to_come(trial, as_test):
    patient = build.patient(trial=trial)
    Patient.objects.filter(pk=patient.pk).update(
        state="screen_failed", failed_on=build.today(patient), failure_reason="Transferred"
    )
    assert rows_of(trial)[patient.code]["SCR"].state == "not_applicable"


# The page


def queries_of(browser, url=HOME) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(url).status_code == 200
        return len(captured)


def test_the_number_of_queries_does_not_grow_with_the_patients(trial):
    """At most 20 queries for 50 patients × 12 visits (issue 2, speed)."""
    browser = build.client(build.user("coordinator", trial=trial))
    cohort.patients(trial, 1)
    one = queries_of(browser)
    cohort.patients(trial, 2)
    three = queries_of(browser)
    cohort.patients(trial, 47)
    fifty = queries_of(browser)
    assert one == three == fifty
    assert fifty <= 20


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_a_home_within_twenty_queries(trial, role):
    cohort.patients(trial, 3)
    assert queries_of(build.client(build.user(role, trial=trial))) <= 20


@pytest.mark.parametrize("role", ROLES)
def test_every_tile_leads_to_a_page_its_reader_may_open(trial, role):
    cohort.patients(trial, 1)
    person = build.user(role, trial=trial)
    access = access_to(user=person, slug=trial.slug)
    browser = build.client(person)
    tiles = [tile(Work(access)) for tile in TILES[role]]
    assert {browser.get(tile.url).status_code for tile in tiles} == {200}


def test_every_role_has_tiles():
    assert TILES.keys() == ROLES.keys()


def test_an_empty_trial_says_what_to_do(trial):
    html = page(HOME, trial)
    assert "Nobody was screened yet." in html
    assert "No adverse event was reported yet." in html


@pytest.mark.parametrize(
    "query", ["show=", "show=nonsense", "page=0", "page=-1", "page=x", "page=99999999", "visits=7", "page=١"]
)
def test_a_mangled_address_still_opens(trial, query):
    cohort.patients(trial, 1)
    assert get(f"{HOME}?{query}", trial).status_code == 200


def test_fifty_patients_fill_a_page_and_the_rest_are_one_step_away(trial):
    cohort.patients(trial, 52)
    first, second = page(HOME, trial), page(f"{HOME}?page=2", trial)
    assert first.count('<th scope="row"><a class="code" href="/trials/nct04445454/patients/LIE-') == 50 + 6
    assert ">LIE-051</a>" in second
    assert "page=2" in first
    assert "page=1" in second


def shown(trial, show) -> set[str]:
    html = page(f"{HOME}?show={show}", trial)
    table = html[html.index('<table class="matrix">') : html.index("</table>")] if "matrix" in html else ""
    return set(re.findall(r">(LIE-\d+)</a>", table))


def test_the_filter_keeps_patients_by_status_and_by_work(trial, as_test):
    followed = cohort.patients(trial, 3)
    screened = build.patient(trial=trial)
    consent = Consent.objects.get(patient=followed[1])
    Consent.objects.filter(pk=consent.pk).update(type="impartial_witness", capacity_regained_on=TODAY)
    Infusion.objects.filter(patient=followed[2], number=3).update(state="planned")
    assert shown(trial, "all") == {"LIE-001", "LIE-002", "LIE-003", screened.code}
    assert shown(trial, "follow_up") == {"LIE-001", "LIE-002", "LIE-003"}
    assert shown(trial, "screening") == {screened.code}
    assert shown(trial, "ended") == set()
    assert shown(trial, "drafts") == shown(trial, "queries") == {"LIE-001"}
    assert shown(trial, "reconsent") == {"LIE-002"}
    assert shown(trial, "infusions") == {"LIE-003"}
    assert shown(trial, "overdue") == {screened.code}


def test_reading_the_home_page_writes_nothing(trial):
    """DESIGN §3: reading writes nothing."""
    cohort.patients(trial, 2)
    browser = build.client(build.user("investigator", trial=trial))
    with CaptureQueriesContext(connection) as captured:
        browser.get(HOME)
        verbs = {query["sql"].split()[0] for query in captured}
    assert verbs == {"SELECT"}


def test_another_trial_does_not_appear(trial):
    other = build.trial(build.COVID_MSV)
    cohort.patients(other, 2)
    cohort.patients(trial, 1)
    html = page(HOME, trial)
    assert "VAL-" not in html
    assert "1 of 20 patient" in html


def test_a_person_without_a_role_in_the_trial_sees_nothing(trial):
    other = build.trial(build.COVID_MSV)
    assert get(HOME, other).status_code == 404


def test_the_home_page_is_not_kept_by_browsers(trial):
    """PRV-05: no clinical page is cached."""
    assert "no-store" in get(HOME, trial)["Cache-Control"]


# The blind


def swap_arms(trial) -> None:
    """Give every patient the other arm and everything that depends on it."""
    with acting(system="test", reason="swapping the arms"):
        for slot in AllocationSlot.objects.filter(trial=trial):
            AllocationSlot.objects.filter(pk=slot.pk).update(
                arm="placebo" if slot.arm == "cells" else "cells"
            )
        for number, row in enumerate(Preparation.objects.filter(patient__trial=trial)):
            Preparation.objects.filter(pk=row.pk).update(
                donor_code="",
                lot=f"SALINE-{number}",
                viable_cells=None,
                cells_per_kg=None,
                viability_percent=None,
            )


@pytest.mark.parametrize("role", BLINDED)
def test_no_page_of_a_blinded_role_depends_on_the_arm(role):
    """BLD-01, BLD-02: the bytes are the same when the arms are swapped."""
    masked = build.trial(build.COVID_MSV)
    cohort.patients(masked, 3)
    home = f"/trials/{masked.slug}/"
    addresses = [
        home,
        f"{home}patients/VAL-001/",
        f"{home}patients/VAL-001/profile.svg",
        f"{home}search/?q=LOT-001",
    ]
    with time_machine.travel(timezone.now(), tick=False):
        before, after = seen_before_and_after(masked, addresses, role)
    assert before == after
    assert not [html for html in before if "LOT-001 ·" in html or "D-17" in html or "2.00 ×10⁶" in html]


def seen_before_and_after(masked, addresses, role) -> tuple[list[str], list[str]]:
    browser = build.client(build.user(role, trial=masked))
    before = [without_token(browser.get(url).content.decode()) for url in addresses]
    swap_arms(masked)
    return before, [without_token(browser.get(url).content.decode()) for url in addresses]


def test_the_cell_laboratory_counts_what_is_to_be_prepared(as_test):
    masked = build.trial(build.COVID_MSV)
    patient = cohort.patients(masked, 1)[0]
    Infusion.objects.create(
        patient=patient,
        number=2,
        state="planned",
        planned_on=build.today(patient),
        window_from=build.today(patient),
    )
    assert work_of(masked, "cell_laboratory").preparations == {"next": 1, "given": 0}
    assert work_of(masked, "coordinator").preparations == {"next": 0, "given": 0}


# The figures' numbers


def test_recruitment_counts_the_patients_included(trial):
    cohort.patients(trial, 3)
    found = recruitment.accrual(work_of(trial))
    assert found.rows[-1][2] == 3
    assert "3 included" in found.figure.label


def facts(**changed) -> TrialFacts:
    return TrialFacts.model_validate(build.trial().rules.trial.model_dump(by_alias=True) | changed)


def test_the_plan_runs_from_the_first_month_of_the_protocol():
    assert recruitment.plan_of(facts(), date(2021, 1, 1)) == (date(2020, 6, 1), date(2022, 6, 1), 20)


def test_a_site_that_starts_after_the_planned_end_counts_from_its_first_patient():
    assert recruitment.plan_of(facts(), date(2025, 2, 17)) == (date(2025, 2, 1), date(2027, 2, 1), 20)


def test_a_protocol_without_recruitment_has_no_plan():
    assert recruitment.plan_of(facts(recruitment=None), None) is None


def test_a_patient_counts_once_for_a_term_at_the_worst_grade(trial, as_test):
    """SAF: worst grade by patient and term; capitals do not make another term."""
    patient = build.enrolled(trial=trial)
    for term, grade in (("Fever", 1), ("fever ", 3), ("Headache", 2)):
        build.event(patient=patient, term=term, grade=grade)
    build.event(patient=build.enrolled(trial=trial), term="FEVER", grade=1)
    counted = {term.casefold().strip(): by for term, by in event_grades.worst_by_term(work_of(trial)).items()}
    assert counted == {"fever": [1, 0, 1, 0, 0], "headache": [0, 1, 0, 0, 0]}


def measured(trial) -> dict[str, tuple[str, bool | None]]:
    return {str(each.name): (each.now, each.met) for each in quality.measures(work_of(trial))}


def test_data_quality_of_a_clean_cohort(trial):
    cohort.patients(trial, 2)
    found = measured(trial)
    assert found["Median days from visit to entry"] == ("0.0", True)
    assert found["Required forms missing"] == ("0.0 %", True)
    assert found["Open queries"] == ("1 (0 older than a week)", True)
    assert found["Median days to answer"] == ("–", None)


def test_a_form_that_is_missing_from_a_held_visit_counts(trial, as_test):
    patient = build.enrolled(trial=trial)
    before = work_of(trial).forms_expected
    visit = patient.visits.get(code="D90")
    Visit.objects.filter(pk=visit.pk).update(state="held", held_on=visit.planned_on)
    asked = sum(entry.when == "required" for entry in trial.rules.visit("D90").forms)
    assert work_of(trial).forms_expected == before + asked
    assert measured(trial)["Required forms missing"][1] is False
    assert measured(trial)["Required forms complete"][1] is False


def test_the_days_to_an_answer_come_from_the_trail(trial):
    cohort.patients(trial, 1)
    with acting(system="test"):
        query = Query.objects.get()
        Query.objects.filter(pk=query.pk).update(opened_at=query.opened_at - timedelta(days=4))
        Query.objects.filter(pk=query.pk).update(state="answered")
        Query.objects.filter(pk=query.pk).update(text="asked again")
    assert measured(trial)["Median days to answer"] == ("4.0", False)


def test_an_unplanned_trial_has_empty_measures(trial):
    assert {met for _now, met in measured(trial).values()} == {None, True}


# Choosing a trial


def test_the_only_trial_of_a_person_opens_at_once(trial):
    assert get("/trials/", trial)["Location"] == HOME


def test_a_person_with_two_trials_chooses(trial):
    person = build.user("monitor", trial=trial)
    build.delegate(person, trial=build.trial(build.COVID_MSV), role="statistician")
    html = build.client(person).get("/trials/").content.decode()
    assert "NCT04445454" in html
    assert "Statistician" in html


def test_a_person_without_a_role_is_told_whom_to_ask(trial):
    assert "You hold no role in a trial today." in build.client(build.user()).get("/trials/").content.decode()


def test_nobody_chooses_a_trial_without_signing_in(client):
    assert client.get("/trials/").status_code == 302
    assert Visit.objects.count() == 0
