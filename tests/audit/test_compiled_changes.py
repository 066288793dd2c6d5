"""A change whose SQL is built once has the same effect on the rows and the trail as the queryset."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from audit.compiled_changes import CompiledDelete, CompiledInsert, CompiledUpdate
from audit.context import acting
from patients.models import Draft, Patient, Query, Record
from tests.support import build

pytestmark = pytest.mark.django_db
WRITTEN = CompiledUpdate(Record, sets=("values", "version", "completed_at"), where=("pk", "version"))
FORGOTTEN = CompiledDelete(Draft, where=("user", "place"))


@pytest.fixture
def record() -> Record:
    patient = build.patient(trial=build.trial())
    build.consent(patient)
    return build.record(patient, "demography", {"sex": "F"}, draft=True)


def test_it_writes_the_row_that_has_the_version_and_no_other(record, django_assert_num_queries):
    """DAT-11."""
    values = {"sex": "M", "said": "“L’été” \\ \n 0012"}
    to = {"values": values, "version": record.version + 1, "completed_at": record.created_at}
    with acting(system="test"):
        assert WRITTEN.run(to=to, where={"pk": record.pk, "version": record.version + 7}) == 0
        assert Record.objects.get(pk=record.pk).values["sex"] == "F"
        with django_assert_num_queries(1):
            assert WRITTEN.run(to=to, where={"pk": record.pk, "version": record.version}) == 1
    now = Record.objects.get(pk=record.pk)
    assert (now.values, now.version, now.completed_at) == (values, record.version + 1, record.created_at)


def test_the_trail_has_the_change_with_its_actor_and_refuses_one_of_nobody(record):
    """AUD-01."""
    nurse = build.user()
    to = {"values": {"sex": "M"}, "version": 2, "completed_at": None}
    with acting(user=nurse):
        WRITTEN.run(to=to, where={"pk": record.pk, "version": record.version})
    last = Record.history.filter(id=record.pk).latest("history_id")
    assert (last.values, last.history_user_id) == ({"sex": "M"}, nurse.pk)
    with pytest.raises(DatabaseError):
        WRITTEN.run(to={**to, "version": 3}, where={"pk": record.pk, "version": 2})


@pytest.mark.parametrize(
    ("to", "where"),
    [
        ({"values": {}}, {"pk": 1, "version": 1}),
        ({"values": {}, "version": 1, "completed_at": None}, {"pk": 1}),
    ],
)
def test_a_value_that_is_missing_is_refused_before_anything_is_written(to, where):
    with pytest.raises(ValueError, match="Give"):
        WRITTEN.run(to=to, where=where)


def test_it_deletes_the_rows_of_one_person_only(record):
    anna, berta = build.user(), build.user()
    for person in (anna, berta):
        Draft.objects.create(
            user=person,
            patient=record.patient,
            place="D1/vitals",
            payload=[],
            base_version=0,
            saved_at=record.created_at,
        )
    assert FORGOTTEN.run(user=anna.pk, place="D1/vitals") == 1
    assert Draft.objects.get().user == berta


def test_rows_that_others_refer_to_are_not_deleted_this_way():
    with pytest.raises(ValueError, match="concerns other rows"):
        CompiledDelete(Patient, where=("pk",)).run(pk=1)


class TestInsert:
    """Rows are added as `bulk_create` adds them, with the trail."""

    def query(self, record, text):
        person = build.user("coordinator", trial=record.patient.trial)
        return Query(
            patient=record.patient, record=record, item="sex", origin="check", check_id=text, state="open",
            text=text, opened_by=person,
        )  # fmt: skip

    def test_several_rows_are_added_by_one_statement_and_are_in_the_trail(
        self, record, django_assert_num_queries
    ):
        """AUD-01, DAT-06."""
        rows = [self.query(record, f"check {number} 100%") for number in range(3)]
        with acting(system="test"), django_assert_num_queries(1):
            CompiledInsert(Query).run(rows)
        stored = list(Query.objects.order_by("pk"))
        assert [str(each.text) for each in stored] == ["check 0 100%", "check 1 100%", "check 2 100%"]
        assert [each.history.get().history_type for each in stored] == ["+"] * 3
        assert not rows[0]._state.adding

    def test_more_rows_than_a_statement_takes_come_in_parts(
        self, record, monkeypatch, django_assert_num_queries
    ):
        monkeypatch.setattr(CompiledInsert, "MOST", 2)
        rows = [self.query(record, f"check {number}") for number in range(3)]
        with acting(system="test"), django_assert_num_queries(2):
            CompiledInsert(Query).run(rows)
        assert Query.objects.count() == 3

    def test_nothing_is_added_without_rows(self, django_assert_num_queries):
        with acting(system="test"), django_assert_num_queries(0):
            CompiledInsert(Query).run([])

    def test_a_row_that_the_database_refuses_rolls_the_others_back(self, record):
        rows = [self.query(record, "one"), self.query(record, "one")]
        with pytest.raises(IntegrityError), transaction.atomic(), acting(system="test"):
            CompiledInsert(Query).run(rows)
        assert not Query.objects.exists()
