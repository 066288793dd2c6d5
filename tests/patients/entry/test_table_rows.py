"""Rows of a table keep their identity: queries, confirmations and conflicts follow the row, not its number."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit.context import acting
from exports.exporting import tables_of
from patients.casebook.form_content import differences
from patients.entry.controls import CONTROLS
from patients.entry.row_identity import with_ids
from patients.entry.version_mapping import mapped
from patients.models import Patient, Query, Record
from patients.queries import threads
from protocol.document.items import Form
from protocol.values.row_ids import rows_of
from tests.support import build
from tests.support.pages.entry_pages import address, words
from tests.support.pages.html_forms import Fields, PageForm, forms
from tests.support.study import amended_protocol
from tests.support.study.entered_forms import included

pytestmark = pytest.mark.django_db

SERIES = {"form": "infusion_monitoring", "visit": "INF1"}
ROW = "_row"


@pytest.fixture
def patient(patient: Patient) -> Patient:
    """A patient whose infusion is monitored."""
    included(patient)
    return patient


def entry(response: HttpResponse) -> PageForm:
    """Return the form of the page as a browser holds it."""
    found = forms(response.content.decode())
    return next(each for each in found if each.attributes.get("id") == "entry")


def opened(desk: Client, patient: Patient) -> PageForm:
    return entry(desk.get(address(patient, **SERIES)))


def post(desk: Client, patient: Patient, fields: Fields, action: str = "draft") -> HttpResponse:
    return desk.post(address(patient, **SERIES), {**fields, CONTROLS.action: action})


def save(desk: Client, patient: Patient, **answers: str) -> HttpResponse:
    """Open the page, type the answers and save the draft."""
    response = post(desk, patient, opened(desk, patient).sent(**answers))
    assert response.status_code == 302, words(response)
    return response


def stored(form: str = "infusion_monitoring") -> list[dict[str, Any]]:
    return Record.objects.get(form=form).values["series"]


def two_rows(desk: Client, patient: Patient, first: str = "80", second: str = "190") -> list[str]:
    """Store two rows and return their ids. Heart rates above 180 are unusual."""
    cells = {"series-0-time_point": "START", "series-0-hr": first}
    save(desk, patient, **cells, **{"series-1-time_point": "END", "series-1-hr": second})
    return [row[ROW] for row in stored()]


def answered(query: Query, nurse: User) -> None:
    with acting(user=nurse, role="coordinator"):
        threads.answer_query(query=query, text="Read twice", by=nurse, role="coordinator")


def closed(query: Query, manager: User, text: str) -> None:
    with acting(user=manager, role="data_manager"):
        threads.close_query(query=query, text=text, by=manager, role="data_manager")


def test_removing_row_one_leaves_the_answered_query_of_row_two_open(
    desk: Client, patient: Patient, nurse: User
) -> None:
    two_rows(desk, patient)
    answered(Query.objects.get(), nurse)
    save(desk, patient, **{"series-0-remove": "1"})
    assert [row["hr"] for row in stored()] == ["190"]
    query = Query.objects.get()
    assert (query.state, query.closed_because) == ("answered", "")


def test_a_confirmed_value_stays_confirmed_when_a_row_above_it_is_removed(
    desk: Client, patient: Patient, manager: User
) -> None:
    two_rows(desk, patient)
    closed(Query.objects.get(), manager, "Right: atrial fibrillation")
    save(desk, patient, **{"series-0-remove": "1"})
    assert list(Query.objects.values_list("state", flat=True)) == ["closed"]


def test_a_confirmation_does_not_move_to_the_row_that_takes_the_place_of_another(
    desk: Client, patient: Patient, manager: User
) -> None:
    two_rows(desk, patient, "185", "190")
    first, second = Query.objects.order_by("pk")
    closed(first, manager, "Right: atrial fibrillation")
    save(desk, patient, **{"series-0-remove": "1"})
    second.refresh_from_db()
    assert second.state == "open"
    assert Query.objects.count() == 2


def test_another_cell_of_the_table_does_not_ask_again_about_a_confirmed_one(
    desk: Client, patient: Patient, manager: User
) -> None:
    two_rows(desk, patient)
    closed(Query.objects.get(), manager, "Right: atrial fibrillation")
    save(desk, patient, **{"series-0-hr": "82"})
    assert list(Query.objects.values_list("state", flat=True)) == ["closed"]
    save(desk, patient, **{"series-1-hr": "195"})
    assert list(Query.objects.order_by("pk").values_list("state", flat=True)) == ["closed", "open"]


def test_the_query_of_a_removed_row_is_closed_as_row_removed(desk: Client, patient: Patient) -> None:
    two_rows(desk, patient)
    save(desk, patient, **{"series-1-remove": "1"})
    query = Query.objects.get()
    assert query.state == "closed"
    assert query.closed_because.code == "query.row_removed"
    assert str(query.closed_because) == "Row 2 was removed (End, Heart rate 190 beats/min)."
    assert query.history.order_by("history_id").last().history_full_name.startswith("system:checks")


def test_the_query_of_a_corrected_cell_is_closed_as_corrected(desk: Client, patient: Patient) -> None:
    two_rows(desk, patient)
    save(desk, patient, **{"series-1-hr": "90"})
    assert str(Query.objects.get().closed_because) == "The value was corrected."


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


def test_the_list_of_queries_and_the_thread_name_row_and_value(
    desk: Client, patient: Patient, nurse: User
) -> None:
    two_rows(desk, patient)
    query = Query.objects.get()
    named = "Signs during and after the infusion, row 2 · End · Heart rate 190 beats/min"
    slug = patient.trial.slug
    assert named in words(desk.get(f"/trials/{slug}/queries/"))
    assert named in words(desk.get(f"/trials/{slug}/queries/{query.pk}/"))
    panel = desk.get(address(patient, **SERIES), {"field": "series"})
    assert named in words(panel)
    save(desk, patient, **{"series-0-remove": "1"})
    assert "row 1 · End · Heart rate 190" in words(desk.get(f"/trials/{slug}/queries/{query.pk}/"))


def test_the_history_of_a_table_names_the_rows_that_changed(desk: Client, patient: Patient) -> None:
    two_rows(desk, patient)
    save(desk, patient, **{"series-0-remove": "1"})
    said = words(desk.get(address(patient, **SERIES), {"field": "series"}))
    history = said.partition("History of")[2]
    assert "old value Row 1: Time point Start, Heart rate 80 beats/min → taken away" in history
    assert history.count("190 beats/min") == 1


def test_the_live_answer_speaks_at_the_cell_that_was_sent(desk: Client, patient: Patient) -> None:
    two_rows(desk, patient)
    sent = opened(desk, patient).sent(**{"series-0-remove": "1", "series-4-hr": "185"})
    told = desk.post(address(patient, **SERIES, end="check/"), sent).content.decode()
    assert "Unusual" in told.partition('id="result-series-1-hr"')[2].partition("</div>")[0]
    assert "Unusual" in told.partition('id="result-series-4-hr"')[2].partition("</div>")[0]
    assert "Unusual" not in told.partition('id="result-series-0-hr"')[2].partition("</div>")[0]


def test_the_query_of_a_removed_row_is_not_opened_again(
    desk: Client, patient: Patient, manager: User
) -> None:
    two_rows(desk, patient)
    query = Query.objects.get()
    save(desk, patient, **{"series-1-remove": "1"})
    desk_of_manager = build.client(manager)
    place = f"/trials/{patient.trial.slug}/queries/{query.pk}/"
    assert "Infusion monitoring – Signs during and after the infusion, removed row · Heart rate" in words(
        desk_of_manager.get(place)
    )
    told = desk_of_manager.post(f"{place}reopen/", {"text": "Why?"})
    assert told.status_code == 422
    assert "The row of this query was removed. Raise a query on the table instead." in words(told)
    query.refresh_from_db()
    assert query.state == "closed"


def test_a_query_of_a_row_that_stays_is_opened_again(desk: Client, patient: Patient, manager: User) -> None:
    two_rows(desk, patient)
    query = Query.objects.get()
    closed(query, manager, "Right")
    save(desk, patient, **{"series-0-remove": "1"})
    with acting(user=manager, role="data_manager"):
        threads.reopen_query(query=query, text="Is it?", by=manager, role="data_manager")
    query.refresh_from_db()
    assert query.state == "open"


def test_an_amendment_keeps_the_rows_and_their_queries(
    desk: Client, patient: Patient, nurse: User, manager: User
) -> None:
    """DAT-09: rows and columns are known by their names, although a column now stands before them."""
    before = two_rows(desk, patient)
    answered(Query.objects.get(), nurse)
    added = '    { name = "device", type = "text", label = { en = "Device" }, required = false },\n'
    first = '    { name = "time_point", type = "choice", label = { en = "Time point", fr = "Moment" }'
    text = build.protocol_text(build.LIEGE).replace('version = "1.0"', 'version = "1.1"', 1)
    text += '\n[amendment]\nreplaces = "1.0"\nreconsent = false\nsummary = { en = "Device" }\n'
    assert text.count(first) == 1
    later = build.version(text.replace(first, added + first))
    amended_protocol.move_to(patient, later, by=manager)
    save(desk, patient, **{"series-0-remove": "1"})
    record = Record.objects.get(form="infusion_monitoring")
    assert (record.protocol_id, [row[ROW] for row in record.values["series"]]) == (later.pk, before[1:])
    assert [(query.state, query.column) for query in Query.objects.all()] == [("answered", "hr")]


def test_the_export_has_the_id_of_each_row_beside_its_number(desk: Client, patient: Patient) -> None:
    first, second = two_rows(desk, patient)
    tables = {each.name: each for each in tables_of(patient.trial, sees_treatment=False)}
    table = tables["forms/infusion_monitoring__series"]
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows()]
    assert [(row["row"], row["row_id"], row["hr"]) for row in rows] == [(1, first, "80"), (2, second, "190")]
    queries = tables["queries"]
    (asked,) = (dict(zip(queries.header, row, strict=True)) for row in queries.rows())
    assert (asked["item"], asked["row_id"], asked["column"]) == ("series", second, "hr")
    assert asked["check"] == "soft_limit"


def test_the_trail_names_the_row_that_changed(desk: Client, patient: Patient, manager: User) -> None:
    """AUD-02."""
    two_rows(desk, patient)
    save(desk, patient, **{"series-0-remove": "1", "series-1-rr": "20"})
    said = words(
        build.client(manager).get(reverse("audit:trail", args=[patient.trial.slug]), {"item": "series"})
    )
    table = "Signs during and after the infusion"
    assert f"{table}, row 1 old value Time point Start, Heart rate 80 beats/min" in said
    assert "Heart rate 190 beats/min, Resp. rate 20 breaths/min" in said


TABLE = Form.model_validate(
    {
        "code": "notes",
        "title": {"en": "Notes"},
        "items": [
            {
                "name": "doses",
                "type": "rows",
                "label": {"en": "Doses"},
                "columns": [
                    {"name": "mg", "type": "decimal", "label": {"en": "Dose"}},
                    {"name": "double", "type": "decimal", "label": {"en": "Twice"}, "calculate": "mg * 2.0"},
                ],
            }
        ],
    }
)


def test_a_calculated_column_is_no_difference_between_two_people() -> None:
    stored = {"doses": [{ROW: "r00000001", "mg": "2", "double": "4"}]}
    same, other = ({"doses": [{ROW: "r00000001", "mg": mg}]} for mg in ("2", "3"))
    assert differences(TABLE, stored, same, {}, rows={}) == []
    (found,) = differences(TABLE, stored, other, {}, rows={"doses": {4: "r00000001"}})
    assert (found.name, found.item) == ("doses-r00000001", "doses")
    assert (found.label, found.stored, found.typed) == ("Doses, row 5", "Dose 2", "Dose 3")


def test_a_row_that_another_version_does_not_accept_keeps_its_id() -> None:
    values = {"doses": [{ROW: "r00000001", "mg": "much"}, {ROW: "r00000002", "mg": "3"}]}
    found = mapped(values, TABLE)
    assert found.values == {"doses": [{ROW: "r00000001"}, {ROW: "r00000002", "mg": "3"}]}
    assert found.not_accepted == ("doses-r00000001-mg",)


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


def test_a_cell_confirmed_with_a_reason_stays_confirmed(desk: Client, patient: Patient) -> None:
    """The reason is the person's; a row above comes and goes without asking again."""
    cells = {"series-0-hr": ["80"], "series-1-hr": ["190"], "series-1-hr-confirm": ["Atrial fibrillation"]}
    post(desk, patient, {**opened(desk, patient).sent(), **cells})
    query = Query.objects.get()
    assert (query.state, query.closed_because) == ("closed", "Atrial fibrillation")
    save(desk, patient, **{"series-0-remove": "1"})
    assert Query.objects.get().row == stored()[0][ROW]
