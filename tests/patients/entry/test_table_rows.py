"""Rows of a table keep their identity: queries and confirmations follow the row, not its number."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit.context import acting
from exports.exporting import tables_of
from patients.casebook.form_content import differences
from patients.entry.version_mapping import mapped
from patients.models import Patient, Query, Record
from patients.queries import threads
from protocol.document.items import Form
from tests.support import build
from tests.support.pages.entry_pages import address, words
from tests.support.pages.monitored_rows import ROW, SERIES, opened, post, save, stored, two_rows
from tests.support.study import amended_protocol
from tests.support.study.entered_forms import included
from tests.support.study.raised_queries import closed

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(patient: Patient) -> Patient:
    """A patient whose infusion is monitored."""
    included(patient)
    return patient


def answered(query: Query, nurse: User) -> None:
    with acting(user=nurse, role="coordinator"):
        threads.answer_query(query=query, text="Read twice", by=nurse, role="coordinator")


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
    first = '    { name = "time_point", type = "choice"'
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


def test_a_cell_confirmed_with_a_reason_stays_confirmed(desk: Client, patient: Patient) -> None:
    """The reason is the person's; a row above comes and goes without asking again."""
    cells = {"series-0-hr": ["80"], "series-1-hr": ["190"], "series-1-hr-confirm": ["Atrial fibrillation"]}
    post(desk, patient, {**opened(desk, patient).sent(), **cells})
    query = Query.objects.get()
    assert (query.state, query.closed_because) == ("closed", "Atrial fibrillation")
    save(desk, patient, **{"series-0-remove": "1"})
    assert Query.objects.get().row == stored()[0][ROW]


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
