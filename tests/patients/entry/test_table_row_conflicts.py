"""Two people who change rows of one table: each row that differs is compared and chosen by its id (DAT-11)."""

import pytest
from django.http import HttpResponse
from django.test import Client

from patients.models import Patient, Record
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.pages.monitored_rows import ROW, entry, opened, post, save, stored, two_rows
from tests.support.study.entered_forms import included

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(patient: Patient) -> Patient:
    """A patient whose infusion is monitored."""
    included(patient)
    return patient


def conflicting(
    desk: Client, patient: Patient, mine: dict[str, str], colleague: dict[str, str]
) -> HttpResponse:
    """Save what a colleague typed while this person's page was open, then send this person's page."""
    page = opened(desk, patient)
    other = build.client(build.user("investigator", trial=patient.trial))
    save(other, patient, **colleague)
    response = post(desk, patient, page.sent(**mine))
    assert response.status_code == 409
    return response


def test_a_conflict_compares_rows_by_their_id(desk: Client, patient: Patient) -> None:
    """DAT-11: the colleague removed the first row; the second, untouched, is no conflict."""
    first, second = two_rows(desk, patient)
    response = conflicting(desk, patient, {"series-0-hr": "85"}, {"series-0-remove": "1"})
    page = entry(response)
    assert page.fields["_differs"] == [f"series-{first}"]
    assert "row 1 Stored blank You typed Time point Start, Heart rate 85 beats/min" in words(response)
    chosen = {**page.sent(), f"_choose-series-{first}": ["stored"]}
    assert post(desk, patient, chosen).status_code == 302
    assert [(row[ROW], row["hr"]) for row in stored()] == [(second, "190")]


def test_new_rows_of_two_people_are_both_kept(desk: Client, patient: Patient) -> None:
    """DAT-11."""
    before = two_rows(desk, patient)
    response = conflicting(desk, patient, {"series-2-hr": "60"}, {"series-2-hr": "70"})
    page = entry(response)
    assert "_differs" not in page.fields
    assert post(desk, patient, page.sent()).status_code == 302
    assert [row["hr"] for row in stored()] == ["80", "190", "60", "70"]
    assert [row[ROW] for row in stored()][:2] == before


def test_each_row_that_differs_is_chosen_by_itself(desk: Client, patient: Patient) -> None:
    """DAT-11."""
    first, second = two_rows(desk, patient)
    mine = {"series-0-hr": "81", "series-1-hr": "191"}
    response = conflicting(desk, patient, mine, {"series-0-hr": "82", "series-1-hr": "192"})
    page = entry(response)
    assert page.fields["_differs"] == [f"series-{first}", f"series-{second}"]
    chosen = {f"_choose-series-{first}": ["mine"], f"_choose-series-{second}": ["stored"]}
    halfway = post(desk, patient, {**page.sent(), f"_choose-series-{first}": ["mine"]})
    assert halfway.status_code == 422
    assert post(desk, patient, {**page.sent(), **chosen}).status_code == 302
    assert [(row[ROW], row["hr"]) for row in stored()] == [(first, "81"), (second, "192")]


def test_a_row_that_one_removed_and_another_changed_is_asked_about(desk: Client, patient: Patient) -> None:
    first, second = two_rows(desk, patient)
    page = entry(conflicting(desk, patient, {"series-0-remove": "1"}, {"series-0-hr": "82"}))
    assert page.fields["_differs"] == [f"series-{first}"]
    kept = post(desk, patient, {**page.sent(), f"_choose-series-{first}": ["stored"]})
    assert kept.status_code == 302
    assert [(row[ROW], row["hr"]) for row in stored()] == [(first, "82"), (second, "190")]


def test_a_choice_about_a_row_that_the_form_does_not_have_is_refused(desk: Client, patient: Patient) -> None:
    two_rows(desk, patient)
    for name in ("series-0", "series-x", "hr-r00000000", "nothing-r00000000", "series-r00000000-hr"):
        sent = {**opened(desk, patient).sent(), f"_choose-{name}": ["mine"]}
        assert post(desk, patient, sent).status_code == 400


def test_a_table_marked_as_missing_in_a_conflict_has_no_rows(desk: Client, patient: Patient) -> None:
    """DAT-11: the colleague's new row is not added to a table that this person marks as not done."""
    two_rows(desk, patient)
    nothing = {"series-0-remove": "1", "series-1-remove": "1", "series-missing": "ND"}
    page = entry(conflicting(desk, patient, nothing, {"series-2-hr": "70"}))
    assert page.fields["_differs"] == ["series"]
    assert post(desk, patient, {**page.sent(), "_choose-series": ["mine"]}).status_code == 302
    assert Record.objects.get(form="infusion_monitoring").values["series"] == {"missing": "ND"}


def test_a_row_typed_and_stored_before_a_colleague_saved_is_the_same_row(
    desk: Client, patient: Patient
) -> None:
    """The first save of this page was stored; sent again after a colleague's, it does not add its rows twice."""
    page = opened(desk, patient)
    sent = page.sent(**{"series-0-hr": "80"})
    post(desk, patient, sent)
    save(build.client(build.user("investigator", trial=patient.trial)), patient, **{"series-0-hr": "82"})
    kept = stored()[0][ROW]
    response = post(desk, patient, sent)
    assert response.status_code == 409
    again = entry(response)
    assert again.fields["_differs"] == [f"series-{kept}"]
    assert post(desk, patient, {**again.sent(), f"_choose-series-{kept}": ["mine"]}).status_code == 302
    assert [(row[ROW], row["hr"]) for row in stored()] == [(kept, "80")]
