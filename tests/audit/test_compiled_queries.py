"""A query whose SQL is built once returns the same rows as the queryset."""

from datetime import date, datetime, timedelta

import pytest
from django.db.models import Count, Min
from django.utils import timezone

from accounts.models import User
from audit.compiled_queries import CompiledQuery, CompiledValues, Listed, aggregated
from patients.models import Patient, Record
from tests.support import build
from trials.models import Delegation

pytestmark = pytest.mark.django_db


def test_it_finds_the_same_rows_with_what_is_joined_and_annotated(django_assert_num_queries):
    trial = build.trial()
    patients = [build.patient(trial=trial) for _each in range(3)]

    def query(trial, day):
        rows = Patient.objects.filter(trial=trial, screened_on__lte=day).select_related("protocol")
        return rows.order_by("pk")

    prepared = CompiledQuery(query, trial=int, day=date)
    for day in (date(1999, 1, 1), timezone.now().date()):
        with django_assert_num_queries(1):
            found = prepared.rows(trial=trial.pk, day=day)
            names = [(each.code, each.protocol.version) for each in found]
        assert names == [(each.code, each.protocol.version) for each in query(trial.pk, day)]
    assert found == patients


def test_values_of_one_question_do_not_reach_the_next():
    anna, berta = build.user(), build.user()
    person = CompiledQuery(lambda name: User.objects.filter(username=name), name=str)
    assert person.first(name=anna.username) == anna
    assert person.first(name=berta.username) == berta
    assert person.first(name=f"{anna.username}' OR 1=1 --") is None


def test_a_role_that_ended_yesterday_is_not_found_by_the_query_built_while_it_was_held():
    """ACC-04."""
    trial = build.trial()
    person = build.user("coordinator", trial=trial)
    held = CompiledQuery(
        lambda user, now: Delegation.objects.active(now).filter(user=user), user=int, now=datetime
    )
    now = timezone.now()
    assert held.first(user=person.pk, now=now).role == "coordinator"
    assert held.first(user=person.pk, now=now - timedelta(days=4000)) is None


def test_json_and_times_come_back_as_django_gives_them():
    patient = build.patient(trial=build.trial())
    build.consent(patient)
    record = build.record(patient, "demography", {"sex": "F"}, draft=True)
    found = CompiledQuery(lambda pk: Record.objects.filter(pk=pk), pk=int).first(pk=record.pk)
    again = Record.objects.get(pk=record.pk)
    assert (found.values, found.created_at, found._state.adding) == (again.values, again.created_at, False)


def test_a_value_that_changes_the_query_itself_is_refused():
    swallowed = CompiledQuery(lambda pk: Patient.objects.filter(pk__gt=0), pk=int)
    with pytest.raises(ValueError, match="pk"):
        swallowed.rows(pk=1)


def test_a_query_is_built_once_for_a_connection():
    asked = []

    def build_it(pk):
        asked.append(pk)
        return User.objects.filter(pk=pk)

    person, prepared = build.user(), CompiledQuery(build_it, pk=int)
    assert [prepared.first(pk=person.pk) for _each in range(3)] == [person] * 3
    assert len(asked) == 1


def test_rows_that_share_what_is_joined_share_one_object(django_assert_num_queries):
    trial = build.trial()
    for _each in range(3):
        build.patient(trial=trial)
    rows = CompiledQuery(
        lambda trial: Patient.objects.filter(trial=trial).select_related("protocol").order_by("pk"),
        joined_once=True,
        trial=int,
    )
    with django_assert_num_queries(1):
        found = rows.rows(trial=trial.pk)
        protocols = {id(each.protocol) for each in found}
    assert len(found) == 3
    assert len(protocols) == 1
    assert found[2].protocol == trial.protocol


def test_a_field_left_out_is_read_when_it_is_asked_for(django_assert_num_queries):
    patient = build.patient(trial=build.trial())
    build.consent(patient)
    record = build.record(patient, "demography", {"sex": "F"}, draft=True)
    light = CompiledQuery(lambda pk: Record.objects.filter(pk=pk).defer("values"), pk=int).first(pk=record.pk)
    assert light.get_deferred_fields() == {"values"}
    with django_assert_num_queries(1):
        assert light.values["sex"] == "F"


def test_rows_of_values_are_those_that_django_gives(django_assert_num_queries):
    trial = build.trial()
    for _each in range(3):
        build.patient(trial=trial)

    def query(trial, day):
        rows = Patient.objects.filter(trial=trial, screened_on__lte=day).order_by("-number")
        return rows.values_list("code", "screened_on", "trial__recruiting")

    prepared = CompiledValues(query, trial=int, day=date)
    for day in (date(1999, 1, 1), timezone.now().date()):
        with django_assert_num_queries(1):
            found = prepared.rows(trial=trial.pk, day=day)
        assert found == list(query(trial.pk, day))
    assert len(found) == 3


def test_a_list_of_keys_may_be_shorter_than_its_places_and_not_longer():
    trial = build.trial()
    patients = [build.patient(trial=trial) for _each in range(4)]
    prepared = CompiledValues(
        lambda keys: Patient.objects.filter(pk__in=keys).order_by("number").values_list("code"),
        keys=Listed(int, 3),
    )
    for some in ([], patients[:1], patients[1:]):
        assert prepared.rows(keys=[each.pk for each in some]) == [(each.code,) for each in some]
    with pytest.raises(ValueError, match="4 values"):
        prepared.rows(keys=[each.pk for each in patients])


def test_an_aggregate_has_one_row_also_of_nothing():
    trial = build.trial()
    patient = build.patient(trial=trial)
    counted = CompiledValues(
        lambda trial: aggregated(
            Patient.objects.filter(trial=trial), number=Count("pk"), first=Min("screened_on")
        ),
        trial=int,
    )
    assert counted.row(trial=trial.pk) == (1, patient.screened_on)
    assert counted.row(trial=0) == (0, None)


def test_a_query_with_a_day_of_its_own_is_refused():
    """ACC-04: a role that ends would otherwise hold in this process until the process ends."""
    frozen = CompiledQuery(lambda user: Delegation.objects.active().filter(user=user), user=int)
    with pytest.raises(ValueError, match="a time of its own"):
        frozen.rows(user=1)


def test_only_a_list_of_values_is_read_as_values():
    with pytest.raises(ValueError, match="values_list"):
        CompiledValues(lambda pk: User.objects.filter(pk=pk), pk=int).rows(pk=1)
