"""A save reads only the values that the rules of its form need, and leaves the others in the database."""

import pytest

from accounts.models import User
from audit.context import acting
from patients.casebook.asked_forms import offered_forms, offered_logs
from patients.casebook.casebook import Casebook
from patients.casebook.edit_checks import check_answers
from patients.entry.answers import ReadValues, read
from patients.models import Patient, Record
from protocol.expressions.rules import rules_of
from protocol.values.parsing import ValueRefused
from tests.support import build
from tests.support.protocols import shipped
from tests.support.study.entered_forms import at, draft

pytestmark = pytest.mark.django_db


def filled(slug: str) -> Casebook:
    """Return the casebook of a patient with a record of every form at every visit and a row in every log."""
    patient = build.enrolled(trial=build.trial(slug))
    casebook = Casebook.open(user=build.user(trial=patient.trial), trial=patient.trial, code=patient.code)
    known = {(record.visit_id, record.form) for record in casebook.records}
    rows = [
        Record(
            patient=patient, visit=visit, protocol=patient.protocol, form=entry.form, state="draft", values={}
        )
        for visit in casebook.visits
        for entry in offered_forms(casebook, visit)
        if (visit.pk, entry.form) not in known
    ]
    rows += [
        Record(patient=patient, protocol=patient.protocol, form=form, state="draft", values={})
        for form in offered_logs(casebook)
    ]
    with acting(system="test"):
        Record.objects.bulk_create(rows)
    return Casebook.open(user=build.user(trial=patient.trial), trial=patient.trial, code=patient.code)


@pytest.mark.parametrize("slug", [build.LIEGE, shipped.COVID_MSV])
def test_every_form_is_evaluated_from_what_was_read_with_its_record(
    slug: str, django_assert_num_queries
) -> None:
    casebook = filled(slug)
    places = [
        casebook.place(entry.form, visit.key)
        for visit in casebook.visits
        for entry in offered_forms(casebook, visit)
    ]
    places += [casebook.place(form) for form in offered_logs(casebook)]
    assert len(places) > 50
    for place in places:
        rules = rules_of(place.protocol.rules).form(place.form.code)
        with acting(system="test"):
            held = Casebook.for_save(place)
        record = held.record(place)
        with django_assert_num_queries(0):
            narrow = check_answers(place.form, rules, held.scope(place, record.values))
        assert narrow == check_answers(place.form, rules, casebook.scope(place, record.values))


def test_answers_that_no_rule_reads_stay_in_the_database(django_assert_num_queries) -> None:
    casebook = filled(build.LIEGE)
    place = casebook.place("demography", "SCR")
    assert "haematology" not in place.reads
    with acting(system="test"):
        records = Casebook.for_save(place).records
    unread = [record for record in records if "values" in record.get_deferred_fields()]
    assert {record.form for record in unread} >= {"haematology", "biochemistry"}
    assert "values" not in next(each for each in records if each.form == "demography").get_deferred_fields()


def test_what_was_read_from_a_page_of_another_form_is_checked(patient: Patient, nurse: User) -> None:
    """P11-06: a verb trusts only values that were read for this very form."""
    place, other = at(patient, nurse), at(patient, nurse, "demography")
    values = read(place.form, {"hr": ["072"]}, place.clock).values
    assert isinstance(values, ReadValues)
    for refused in (values, {"age": "072"}):
        with pytest.raises(ValueRefused):
            draft(other, nurse, refused)
    assert draft(place, nurse, values).record.values == {"hr": "72"}
