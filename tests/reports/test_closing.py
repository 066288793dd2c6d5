"""The checklist of the database lock: open points by patient, and a reason for each point that is overridden."""

import re
from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from audit.events import AccessKind
from audit.models import AccessEvent
from dosing.models import ProductDeviation
from dosing.products.preparing import record_preparation
from patients.casebook.facts import KINDS, Fact
from patients.models import DataLock, Deviation, EligibilityDecision, Record
from patients.queries import threads
from protocol.values.moments import Moment
from reports.closing import checklist
from tests.support import build
from tests.support.study import product_chain as chain
from tests.support.study.bedside import INCLUDED, give, on
from tests.support.study.deviations import added, classified
from tests.support.study.entered_forms import DEMOGRAPHY
from trials.access import access_to
from trials.models import Trial

pytestmark = pytest.mark.django_db

DOSED = {
    "donor_code": "D-17", "lot": "L-1", "bag": "", "viable_cells": Decimal(240_000_000), "thawed": None,
    "viability_percent": None, "dose_deviation_reason": "", "donor_deviation_reason": "",
}  # fmt: skip
LONG_AGO = {"occurred_on": Moment(2021), "detected_on": date(2021, 3, 1)}


def counted(trial: Trial, manager: User) -> dict[str, dict[int, int]]:
    access = access_to(user=manager, slug=trial.slug)
    points, _patients = checklist.checklist(access)
    return {each.point.code: {k: n for k, n in each.by_patient.items() if n} for each in points}


def test_an_empty_trial_has_no_open_point(trial, manager):
    found = counted(trial, manager)
    assert {code for code, numbers in found.items() if numbers} == set()


def test_each_point_is_counted_by_patient(trial, manager, patient):
    build.record(patient, "vitals", {"sbp": "124"}, draft=True)
    record = build.record(patient, "demography", DEMOGRAPHY)
    monitor = build.user("monitor", trial=trial)
    with acting(user=monitor, role="monitor"):
        threads.raise_query(record=record, item="age", text="?", origin="monitor", by=monitor, role="monitor")
    build.event(patient=patient)
    aware = Moment.from_datetime(timezone.now(), "Europe/Brussels")
    build.event(patient=patient, seriousness=frozenset({"hospitalisation"}), aware=aware)
    found = counted(trial, manager)
    for code, number in {
        "in_study": 1,
        "drafts": 1,
        "open_queries": 1,
        "unverified": 1,
        "unsigned": 1,
        "events_unsigned": 2,
        "events_unreported": 1,
    }.items():
        assert found[code] == {patient.pk: number}, code
    assert found["casebooks"] == {}


def test_a_score_older_than_its_source_is_reported_and_blocks_nothing(trial, manager, patient):
    """DAT-08: the checklist names the discrepancy; the stored score stays as it was signed."""
    build.record(patient, "vitals", {"rr": "18"}, draft=True)
    build.record(patient, "news2", {"spo2_scale": "1"}, draft=True)
    assert counted(trial, manager)["outdated"] == {}
    with acting(system="test"):
        Record.objects.filter(form="vitals").update(values={"rr": "26"})
    points, _patients = checklist.checklist(access_to(user=manager, slug=trial.slug))
    (point,) = (each for each in points if each.point.code == "outdated")
    assert (dict(point.by_patient), point.blocks) == ({patient.pk: 1}, False)
    page = build.client(manager).get(point.point.url(trial.slug, patient.code))
    assert [row.object.item for row in page.context["listing"].rows] == ["respiration"]


def test_required_forms_of_a_held_visit_are_missing_until_begun(trial, manager, patient):
    visit = patient.visits.get(code="SCR")
    with acting(system="test"):
        type(visit).objects.filter(pk=visit.pk).update(state="held", held_on=patient.screened_on)
    before = counted(trial, manager)["missing_forms"][patient.pk]
    build.record(patient, "demography", DEMOGRAPHY)
    assert counted(trial, manager)["missing_forms"][patient.pk] == before - 1


def test_an_included_patient_needs_a_signed_casebook_and_every_visit_held_or_missed(trial, manager):
    included = build.enrolled(trial=trial)
    found = counted(trial, manager)
    assert found["casebooks"] == {included.pk: 1}
    assert found["visits"][included.pk] > 0


def test_the_lock_is_refused_while_an_open_point_has_no_reason(trial, manager, patient):
    """SIG-03: each reason is kept with the lock."""
    access = access_to(user=manager, slug=trial.slug)
    with acting(user=manager, role="data_manager"), pytest.raises(ValidationError) as refused:
        checklist.lock_trial(access=access, reason="Last visit", overridden={}, by=manager)
    points = {"in_study", "visits", "facts_unverified"}
    assert set(refused.value.error_dict) == {f"override-{point}" for point in points}
    fields = {**dict.fromkeys(points, "Never took place"), "in_study": "Sponsor stopped the trial"}
    with acting(user=manager, role="data_manager"):
        lock = checklist.lock_trial(access=access, reason="Last visit", overridden=fields, by=manager)
    trial.refresh_from_db()
    assert trial.locked_at is not None
    assert lock.overridden["in_study"] == {"count": 1, "reason": "Sponsor stopped the trial"}
    assert lock.history.get().history_user_id == manager.pk


def test_a_trial_without_obstacles_is_locked_with_a_reason(trial, manager):
    web, page = build.client(manager), reverse("reports:checklist", args=[trial.slug])
    assert "Nothing blocks the lock" in web.get(page).content.decode()
    assert web.post(page, {"reason": " "}).status_code == 422
    assert web.post(page, {"reason": "Last visit"}).status_code == 302
    assert "The trial is locked." in web.get(page).content.decode()
    assert web.post(page, {"reason": "Again"}).status_code == 422


def test_the_page_asks_for_each_reason_and_keeps_what_was_typed(trial, manager, patient):
    web, page = build.client(manager), reverse("reports:checklist", args=[trial.slug])
    answer = web.post(page, {"reason": "Last visit", "override-in_study": "Sponsor stopped"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "give a reason to lock the trial anyway" in text
    assert 'value="Sponsor stopped"' in text
    assert not DataLock.objects.exists()


def test_every_number_leads_to_a_page_that_opens(trial, manager):
    """Every point that can be open links to its list."""
    included = build.enrolled(trial=trial)
    build.event(patient=included)
    web = build.client(build.user("investigator", trial=trial))
    text = web.get(reverse("reports:checklist", args=[trial.slug])).content.decode()
    links = set(re.findall(r'<td class="num"><a href="([^"]+)"', text))
    assert len(links) > 4
    for link in links:
        assert web.get(link.replace("&amp;", "&")).status_code == 200, link


@pytest.mark.parametrize("log", [Deviation, ProductDeviation], ids=lambda log: log.__name__)
def test_a_deviation_that_nobody_classified_blocks_the_lock(trial, manager, doctor, patient, log):
    row = added(patient, doctor, log=log, category="other", **LONG_AGO)
    point = "product_deviations" if log is ProductDeviation else "deviations"
    assert counted(trial, manager)[point] == {patient.pk: 1}
    access = access_to(user=manager, slug=trial.slug)
    assert checklist.blocking(checklist.checklist(access)[0])[point] == 1
    classified(row, doctor)
    assert counted(trial, manager)[point] == {}


def test_a_masked_trial_counts_product_deviations_only_for_who_may_know_the_treatment():
    """BLD-01, BLD-03: they block no lock, which a blinded person sets, and the reading of the counts is recorded."""
    masked = build.trial(build.COVID_MSV)
    laboratory, manager = (build.user(role, trial=masked) for role in ("cell_laboratory", "data_manager"))
    patient = build.patient(trial=masked)
    added(patient, laboratory, log=ProductDeviation, category="other", **LONG_AGO)

    for role in ("coordinator", "investigator", "monitor", "blinded_statistician"):
        assert "product_deviations" not in counted(masked, build.user(role, trial=masked)), role
    assert "product_deviations" not in counted(masked, manager)
    assert counted(masked, laboratory)["product_deviations"] == {patient.pk: 1}
    access = access_to(user=laboratory, slug=masked.slug)
    assert "product_deviations" not in checklist.blocking(checklist.checklist(access)[0])

    page = reverse("reports:checklist", args=[masked.slug])
    assert "Product deviations not classified" in build.client(laboratory).get(page).content.decode()
    read = AccessEvent.objects.filter(user_id=laboratory.pk, kind=AccessKind.TREATMENT_SEEN)
    assert read.filter(patient_id=patient.pk).exists()
    shown = build.client(manager).get(page).content.decode()
    assert "Product deviations not classified" not in shown
    assert "let the cell laboratory confirm" in shown


def test_a_corrected_weight_puts_the_dose_into_the_checklist(trial, manager, doctor, known_day):
    """AUD-10: judged again, with a deviation that waits for the laboratory and blocks the lock of an open trial."""
    treated = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    with acting(user=doctor, role="investigator", origin="web"):
        given = give(treated, 1, on("10-Mar-2026"), doctor)
        facts = chain.product(given, DOSED)
        record_preparation(infusion=given, facts=facts, version=0, by=doctor)
    assert counted(trial, manager)["product_deviations"] == {}

    with acting(user=doctor, role="investigator", origin="web"):
        heavier = on("10-Mar-2026", weight_kg=Decimal("60"), weight_confirmation="Scale read again")
        give(treated, 1, heavier, doctor, reason="Misread")
    assert counted(trial, manager)["product_deviations"] == {treated.pk: 1}


@pytest.mark.parametrize("number", [1, 3])
def test_the_checklist_costs_the_same_with_one_and_three(trial, manager, number, django_assert_num_queries):
    for _ in range(number):
        patient = build.patient(trial=trial)
        build.consent(patient)
        build.record(patient, "demography", DEMOGRAPHY)
    web, page = build.client(manager), reverse("reports:checklist", args=[trial.slug])
    web.get(page)
    with django_assert_num_queries(44):
        assert web.get(page).status_code == 200


def test_each_total_leads_to_its_list_or_to_the_patients_who_have_it(trial, manager, patient):
    build.record(patient, "vitals", {"sbp": "124"}, draft=True)
    event = build.event(patient=patient)
    browser, page = build.client(manager), f"/trials/{trial.slug}/lock/"
    shown = browser.get(page).context
    assert all(url for each, url in shown["points"] if each.total)
    assert len(shown["columns"]) > 2

    only = browser.get(page, {"point": "in_study"})
    assert [str(title) for title in only.context["columns"]] == ["Patients still in the study"]
    assert [row.code for row in only.context["rows"]] == [event.patient.code]
    assert "All points" in only.content.decode()
    assert len(browser.get(page, {"point": "no such point"}).context["columns"]) == len(shown["columns"])


def test_a_query_outside_the_forms_is_counted_and_found(trial, manager, patient):
    event = build.event(patient=patient)
    (fresh,) = KINDS["adverse_event"].rows([event.pk])
    fact = Fact(KINDS["adverse_event"], fresh, "grade")
    with acting(user=manager, role="data_manager"):
        threads.raise_fact_query(fact=fact, text="?", origin="data_manager", by=manager, role="data_manager")
    assert counted(trial, manager)["open_queries"] == {patient.pk: 1}


def test_each_list_behind_a_number_has_that_many_rows(trial, manager, patient):
    """The page of a listing, for the whole trial and for each patient."""
    other = build.patient(trial=trial)
    build.consent(other)
    for who in (patient, other):
        build.record(who, "vitals", {"sbp": "124"}, draft=True)
        build.record(who, "demography", DEMOGRAPHY)
        build.event(patient=who)
    (fresh,) = KINDS["adverse_event"].rows([patient.adverse_events.get().pk])
    with acting(user=manager, role="data_manager"):
        fact = Fact(KINDS["adverse_event"], fresh, "grade")
        threads.raise_fact_query(fact=fact, text="?", origin="data_manager", by=manager, role="data_manager")
    build.enrolled(trial=trial)
    with acting(system="test"):
        EligibilityDecision.objects.update(changes=[{"id": "group"}], changed_at=timezone.now())
    found, patients = checklist.checklist(access_to(user=manager, slug=trial.slug))
    codes, browser, walked = {row.pk: row.code for row in patients}, build.client(manager), set()
    for each in found:
        if each.point.of_patient or not each.total:
            continue
        assert (each.point.code, _rows(browser, each.point.url(trial.slug))) == (each.point.code, each.total)
        for key, number in each.by_patient.items():
            listed = _rows(browser, each.point.url(trial.slug, codes[key]))
            assert (each.point.code, listed) == (each.point.code, number)
        walked.add(each.point.code)
    assert walked >= {"drafts", "open_queries", "unsigned", "events_unsigned", "decisions"}


def _rows(browser, url: str) -> int:
    """Return the number of rows of a listing, or of the list of the checklist."""
    context = browser.get(url).context
    return len(context["listed"]) if context.get("listed") is not None else context["listing"].total


def test_the_entries_to_verify_of_a_patient_are_as_many_as_counted(trial, manager, patient):
    build.event(patient=patient)
    number = counted(trial, manager)["facts_unverified"][patient.pk]
    page = build.client(build.user("monitor", trial=trial)).get(
        reverse("patients:verify", args=[trial.slug, patient.code])
    )
    assert sum(len(row.lines) for row in page.context["rows_outside"]) == number > 4
