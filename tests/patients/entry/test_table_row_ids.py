"""The id of a row: kept, never used again, and never taken from what a page or a forged request says."""

import pytest
from django.test import Client

from accounts.models import User
from patients.entry.controls import CONTROLS
from patients.entry.row_identity import with_ids
from patients.models import Patient, Query, Record
from protocol.values.row_ids import rows_of
from tests.support.pages.entry_pages import address
from tests.support.pages.html_forms import Fields
from tests.support.pages.monitored_rows import ROW, SERIES, entry, opened, post, save, stored, two_rows
from tests.support.study.entered_forms import included
from tests.support.study.raised_queries import closed

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(patient: Patient) -> Patient:
    """A patient whose infusion is monitored."""
    included(patient)
    return patient


def test_a_row_keeps_its_id_and_no_id_is_used_again(desk: Client, patient: Patient) -> None:
    first, second = two_rows(desk, patient)
    assert first != second
    save(desk, patient, **{"series-0-remove": "1", "series-2-hr": "70"})
    kept, third = (row[ROW] for row in stored())
    assert kept == second
    assert third not in (first, second)
    save(desk, patient, **{"series-0-hr": "", "series-0-time_point": "", "series-2-hr": "71"})
    assert first not in [row[ROW] for row in stored()]


def test_a_second_click_stores_the_same_rows(desk: Client, patient: Patient) -> None:
    """REL-13: new rows get their ids once, also when more was typed before the second click."""
    page = opened(desk, patient)
    sent = page.sent(**{"series-0-hr": "190", "series-1-hr": "80"})
    post(desk, patient, sent)
    first = Record.objects.get()
    post(desk, patient, sent)
    again = Record.objects.get()
    assert (again.values, again.version) == (first.values, first.version)
    post(desk, patient, {**sent, "series-0-rr": ["20"]})
    assert [row[ROW] for row in stored()] == [row[ROW] for row in first.values["series"]]
    assert list(Query.objects.values_list("state", flat=True)) == ["open"]


def without_ids(fields: Fields) -> Fields:
    return {name: texts for name, texts in fields.items() if not name.endswith(f"-{ROW}")}


def test_rows_from_a_page_without_ids_are_new_rows(desk: Client, patient: Patient) -> None:
    before = two_rows(desk, patient)
    response = post(desk, patient, without_ids(opened(desk, patient).sent()))
    assert response.status_code == 302
    assert [row["hr"] for row in stored()] == ["80", "190"]
    assert not {row[ROW] for row in stored()} & set(before)


@pytest.mark.parametrize("forged", ["rffffffff", "x", "", "R00000001", "r0000000é", "1" * 4000, "hr"])
def test_a_forged_id_is_replaced(desk: Client, patient: Patient, forged: str) -> None:
    _first, second = two_rows(desk, patient)
    save(desk, patient, **{f"series-0-{ROW}": forged})
    ids = [row[ROW] for row in stored()]
    assert forged not in ids
    assert ids[1] == second
    assert len(set(ids)) == 2


def test_a_repeated_id_is_never_stored_twice(desk: Client, patient: Patient) -> None:
    first, _second = two_rows(desk, patient)
    save(desk, patient, **{f"series-1-{ROW}": first})
    ids = [row[ROW] for row in stored()]
    assert ids[0] == first
    assert ids[1] not in (first, _second)


def test_the_id_of_a_removed_row_cannot_be_given_to_other_data(
    desk: Client, patient: Patient, manager: User
) -> None:
    _first, second = two_rows(desk, patient)
    closed(Query.objects.get(), manager, "Right: atrial fibrillation")
    save(desk, patient, **{"series-1-remove": "1"})
    save(desk, patient, **{"series-1-hr": "200", f"series-1-{ROW}": second})
    assert stored()[1][ROW] != second
    assert list(Query.objects.order_by("pk").values_list("state", flat=True)) == ["closed", "open"]


def test_a_nul_in_an_id_is_refused(desk: Client, patient: Patient) -> None:
    two_rows(desk, patient)
    page = opened(desk, patient)
    assert post(desk, patient, page.sent(**{f"series-0-{ROW}": "r\0"})).status_code in (302, 400)
    assert len(stored()) == 2


def test_more_rows_without_scripts_keep_the_ids(desk: Client, patient: Patient) -> None:
    before = two_rows(desk, patient)
    grown = entry(post(desk, patient, opened(desk, patient).sent(), "add-series"))
    assert post(desk, patient, grown.sent(**{"series-2-hr": "99"})).status_code == 302
    assert [row[ROW] for row in stored()][:2] == before
    assert len(stored()) == 3


def test_kept_input_gives_the_ids_back(desk: Client, patient: Patient) -> None:
    before = two_rows(desk, patient)
    page = opened(desk, patient)
    desk.post(address(patient, **SERIES, end="keep/"), page.sent(**{"series-0-remove": "1"}))
    given_back = opened(desk, patient)
    assert given_back.fields["series-0-remove"] == ["1"]
    assert post(desk, patient, given_back.sent()).status_code == 302
    assert [row[ROW] for row in stored()] == before[1:]


def test_the_codes_of_a_multiple_choice_are_no_rows() -> None:
    """Both are stored as lists."""
    assert rows_of(["A", "C"]) == []
    values = {"chronic": ["ASTHMA", "COPD"]}
    assert with_ids(["chronic"], values, {}) == values


def test_a_forged_id_on_an_incomplete_form_is_answered_at_its_cells(desk: Client, patient: Patient) -> None:
    two_rows(desk, patient)
    sent = opened(desk, patient).sent(**{f"series-0-{ROW}": "rffffffff", "series-0-hr": "500"})
    response = post(desk, patient, sent, "next")
    assert response.status_code == 422
    page = response.content.decode()
    assert "Must be between" in page.partition('id="result-series-0-hr"')[2].partition("</div>")[0]
    assert 'href="#id_series-0-hr"' in page


def test_a_forged_id_gets_a_query_of_its_own(desk: Client, patient: Patient) -> None:
    two_rows(desk, patient)
    save(desk, patient, **{f"series-1-{ROW}": "rffffffff"})
    first, second = Query.objects.order_by("pk")
    assert (first.state, second.state) == ("closed", "open")
    assert second.row == stored()[1][ROW]


def test_a_page_sent_again_with_a_forged_version_does_not_bring_an_id_back(
    desk: Client, patient: Patient
) -> None:
    page = opened(desk, patient)
    sent = page.sent(**{"series-0-hr": "80", "series-1-hr": "81"})
    post(desk, patient, sent)
    gone = stored()[1][ROW]
    save(desk, patient, **{"series-1-remove": "1"})
    version = str(Record.objects.get(form="infusion_monitoring").version)
    assert post(desk, patient, {**sent, CONTROLS.version: [version]}).status_code == 302
    assert gone not in [row[ROW] for row in stored()]
