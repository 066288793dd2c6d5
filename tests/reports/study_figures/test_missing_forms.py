"""Missing data by form and visit: what is expected, what a draft is, and what a missed visit is."""

import pytest
from django.utils import timezone

from audit.context import acting
from patients.models import Patient, Record, Visit
from reports.study_figures import missing_forms
from reports.study_figures.contract import FigureView
from reports.study_figures.missing_forms import (
    FormCounts,
    MissingForms,
    RecordGroup,
    VisitGroup,
    percent_words,
)
from tests.support import build
from tests.support.protocols.shipped import LIEGE, protocol
from tests.support.study import cohort
from trials.access import access_to

RULES = {1: protocol(LIEGE)}


def counted(*records: RecordGroup) -> MissingForms:
    """Return the counts of ten visits on day 7, two of them missed, with these records."""
    found = MissingForms(RULES)
    found.add_visits([VisitGroup("D7", 1, "123", False, 8), VisitGroup("D7", 1, "123", True, 2)])
    found.add_records(records)
    return found


def test_a_form_is_missing_unless_it_is_complete():
    """OUT-06: of ten, six are complete and one is a draft: four missing, 40 %."""
    found = counted(
        RecordGroup("D7", 1, "123", "vitals", True, 6), RecordGroup("D7", 1, "123", "vitals", False, 1)
    )
    counts = found.counts["vitals", "D7"]
    assert (counts.expected, counts.missing, counts.drafts, counts.missed_visits) == (10, 4, 1, 2)
    assert counts.percent == 40


def test_a_form_that_is_asked_only_where_available_is_not_expected():
    """OUT-06: the Berlin definition on day 7 needs a blood gas."""
    found = counted(RecordGroup("D7", 1, "123", "berlin", True, 3))
    assert ("berlin", "D7") not in found.counts
    assert ("vitals", "D7") in found.counts


@pytest.mark.parametrize(
    ("expected", "complete", "words"),
    [(10, 10, "0"), (10, 0, "100"), (4, 3, "25"), (3, 1, "67"), (300, 299, "<1"), (300, 1, ">99")],
)
def test_the_number_never_rounds_to_nothing_or_to_all(expected, complete, words):
    """OUT-06."""
    assert percent_words(FormCounts(expected, complete)) == words


@pytest.mark.django_db
def test_each_cell_has_the_share_missing_of_what_was_due(django_assert_max_num_queries):
    """OUT-06: three patients; the third has no form at the last visit held, and one vital sign form is a draft."""
    trial = build.trial()
    patients = cohort.patients(trial, 3, days_ago=12)
    with acting(system="test", reason="a draft"):
        Record.objects.filter(patient=patients[1], form="vitals", visit__code="D1").update(
            state="draft", completed_at=None
        )
    reader = build.user("investigator", trial=trial)
    view = FigureView(access_to(user=reader, slug=trial.slug), "en", timezone.now())
    with django_assert_max_num_queries(4):
        figure = missing_forms.draw(view)
    rows = {(cells[0].code, cells[1].code): cells[2:] for cells in figure.table.rows}
    assert rows["vitals", "D1"] == [3, 1, 1, 0, 33.33]
    last = Visit.objects.filter(patient=patients[2], state="held").order_by("-position").first()
    assert last is not None
    assert rows["vitals", last.code][1] == 1
    assert ("vitals", "D90") not in rows
    tips = {getattr(shape, "tip", "") for shape in figure.drawings[0].figure.shapes}
    form, visit = (
        each.title.in_language("en") for each in (trial.rules.form("vitals"), trial.rules.visit("D1"))
    )
    assert f"{form}, {visit}: 1 of 3 missing" in tips


@pytest.mark.django_db
def test_a_form_that_the_consent_no_longer_allows_is_expected_of_nobody():
    """OUT-06: as in the table of the reports; before the withdrawal the samples were expected."""
    trial = build.trial()
    patients = cohort.patients(trial, 3, days_ago=12)
    with acting(system="test", reason="withdrawn"):
        day = Visit.objects.get(patient=patients[1], code="INF2").held_on
        Patient.objects.filter(pk=patients[1].pk).update(samples_withdrawn_on=day)
        Patient.objects.filter(pk=patients[2].pk).update(data_withdrawn_on=day)
    reader = build.user("investigator", trial=trial)
    view = FigureView(access_to(user=reader, slug=trial.slug), "en", timezone.now())
    expected = {(row[0].code, row[1].code): row[2] for row in missing_forms.draw(view).table.rows}
    assert (trial.rules.form("haematology").samples, trial.rules.form("vitals").samples) == (True, False)
    assert (expected["vitals", "INF2"], expected["vitals", "D7"]) == (2, 2)
    assert (expected["haematology", "INF2"], expected["haematology", "D7"]) == (2, 1)
    complete = {(row[0].code, row[1].code): row[2] - row[3] for row in missing_forms.draw(view).table.rows}
    assert complete["haematology", "D7"] <= 1


@pytest.mark.django_db
def test_a_visit_that_is_not_due_is_expected_of_nobody():
    """OUT-06."""
    trial = build.trial()
    reader = build.user("investigator", trial=trial)
    view = FigureView(access_to(user=reader, slug=trial.slug), "en", timezone.now())
    assert missing_forms.draw(view).why == "No patient is included yet."
    cohort.patients(trial, 1, days_ago=12)
    with acting(system="test", reason="planned again"):
        Record.objects.filter(patient__trial=trial).update(state="struck_out", struck_out_reason="test")
        Visit.objects.filter(patient__trial=trial).update(state="cancelled", held_on=None)
    assert missing_forms.draw(view).why == "No visit with required forms was held, missed or is overdue yet."
