"""A reference range corrected after the signature: the flag that was signed stays and says so (LAB-03, SIG-03)."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import signatures
from audit.context import acting
from exports.paper.audience import Audience
from exports.paper.patient import PatientPaper
from patients.casebook.range_flags import readings_of
from patients.models import Record
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.study.reference_ranges import central, facts, given
from trials.laboratories.ranges import correct_range, strike_out_range

# PostgreSQL dates the trail by its own clock, which no test sets.
pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
AS_SIGNED = "Reference ≤ 5 mg/L. Range corrected since the signature; now: Reference ≤ 20 mg/L"


@pytest.fixture
def investigator(trial):
    return build.user("investigator", trial=trial)


@pytest.fixture
def sheet(trial):
    """The range of the CRP: up to 5 mg/L."""
    return given(central(trial))


def result(trial, crp="12.0"):
    patient = build.patient(trial=trial, screened_on=date(2026, 3, 1))
    build.consent(patient)
    items = [item for item in trial.rules.form("biochemistry").items if not item.is_calculated]
    missing = {item.name: {"missing": "ND"} for item in items if item.missing}
    sampled = {"sampled_at": "2026-03-01T09:00+01:00[Europe/Brussels]"}
    return build.record(patient, "biochemistry", {**missing, **sampled, "crp": crp})


def signed(target, by):
    with acting(user=by, role="investigator"):
        return signatures.sign(target=target, meaning="review", password=build.PASSWORD, by=by)


def later(days=1):
    return time_machine.travel(timezone.now() + timedelta(days=days), tick=False)


def corrected(row, by, upper="20"):
    with acting(user=by, role="data_manager"):
        correct_range(row=row, facts=facts(upper=Decimal(upper)), reason="wrong sheet", by=by)


def page_of(record, role="monitor"):
    trial, patient = record.patient.trial, record.patient
    browser = build.client(build.user(role, trial=trial))
    return words(browser.get(f"/trials/{trial.slug}/patients/{patient.code}/visits/SCR/biochemistry/"))


def quality(trial, role, kind):
    browser = build.client(build.user(role, trial=trial))
    page = browser.get(f"/trials/{trial.slug}/quality/?kind={kind}")
    flags = [row.object for row in page.context["listing"].rows]
    return {(flag.record.pk, flag.item): flag.note for flag in flags}


def test_a_corrected_range_leaves_the_flag_on_a_signed_result(trial, sheet, investigator):
    """The signer decided on a high value: the page still says high, and how the corrected range reads it."""
    record, unsigned = result(trial), result(trial)
    signed(record, investigator)
    with later():
        corrected(sheet, investigator)
        page, other = page_of(record), page_of(unsigned)

    assert f"12.0 mg/L high range corrected since {AS_SIGNED}" in page
    assert "12.0 mg/L Reference ≤ 20 mg/L" in other
    assert "range corrected since" not in other


def test_a_range_that_was_struck_out_or_came_after_the_signature_is_a_correction_too(
    trial, sheet, investigator
):
    record = result(trial)
    signed(record, investigator)
    with later(), acting(user=investigator, role="data_manager"):
        strike_out_range(row=sheet, reason="not ours", by=investigator)
        assert f"{AS_SIGNED.rpartition('Reference')[0]}No reference range" in page_of(record)


def test_a_range_corrected_before_the_signature_is_the_one_that_was_signed(trial, sheet, investigator):
    record = result(trial)
    corrected(sheet, investigator)
    with later():
        signed(record, investigator)
        page = page_of(record)
    assert "12.0 mg/L Reference ≤ 20 mg/L" in page
    assert "range corrected since" not in page


def test_the_affected_results_are_listed_for_the_investigator_until_signed_again(trial, sheet, investigator):
    """Data quality lists them; a later signature on the visit sees the range as corrected."""
    record, normal = result(trial), result(trial, crp="3.0")
    result(trial)
    for each in (record, normal):
        signed(each, investigator)
    with later():
        corrected(sheet, investigator)
        found = quality(trial, "investigator", "corrected")
        out_of_range = quality(trial, "monitor", "range")
    with later(2):
        signed(record.visit, investigator)
        after = quality(trial, "monitor", "corrected")

    assert found == {
        (record.pk, "crp"): f"12.0 mg/L (high; {AS_SIGNED})",
        (normal.pk, "crp"): f"3.0 mg/L ({AS_SIGNED})",
    }
    assert set(out_of_range) == {(record.pk, "crp")}
    assert set(after) == {(normal.pk, "crp")}


def test_a_changed_result_is_read_with_the_range_of_now(trial, sheet, investigator):
    """The change invalidates the signature: the next signer sees the corrected range."""
    record = result(trial)
    signed(record, investigator)
    with later():
        corrected(sheet, investigator)
        with acting(user=investigator, role="coordinator", reason="typing error"):
            Record.objects.filter(pk=record.pk).update(values={**record.values, "crp": "13.0"})
        assert quality(trial, "investigator", "corrected") == {}


def test_the_casebook_on_paper_prints_the_flag_as_signed(trial, sheet, investigator):
    """P11-02: paper and screen say the same."""
    record = result(trial)
    signed(record, investigator)
    with later():
        corrected(sheet, investigator)
        (visit,) = PatientPaper(record.patient, Audience.nobody(trial)).content()["visits"]
    rows = {row["value"]: row["note"] for part in visit["forms"] for g in part["groups"] for row in g["rows"]}
    assert rows["12.0 mg/L ↑"] == AS_SIGNED


def test_many_signed_results_cost_no_statement_each(trial, sheet, investigator):
    for count in (1, 3):
        for _more in range(count):
            signed(result(trial), investigator)
        with later(count):
            corrected(sheet, investigator, upper=str(20 + count))
            rows = list(
                Record.objects.filter(form="biochemistry").select_related("visit", "patient", "protocol")
            )
            with CaptureQueriesContext(connection) as counted:
                found = readings_of(trial, rows)
        assert len(counted) == 5
        assert all(readings["crp"].now is not None for readings in found.values())
