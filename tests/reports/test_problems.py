"""Problems with the software: reported from any page, looked at, closed, and reviewed every three months (VAL-03)."""

from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages.inspecting import plain
from trials.help_texts import HELP
from trials.incidents import review_due_on
from trials.models import Incident, IncidentReview
from trials.roles import ROLES
from trials.titles.page_titles import TITLES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted")]
WORDS = "The listing stays empty after the filter"


@pytest.fixture
def nurse(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture
def manager(trial):
    return build.user("data_manager", trial=trial)


def page(trial, name="problems", *args) -> str:
    return reverse(f"reports:{name}", args=[trial.slug, *args])


def report(trial, person, text=WORDS, **query):
    return build.client(person).post(
        page(trial, "problem-new"), {"text": text}, query_params=query, follow=True
    )


def text_of(response) -> str:
    return plain(response.content.decode())


@pytest.mark.parametrize("role", each_engine_or_one(sorted(ROLES)))
def test_every_role_reports_a_problem_from_a_page(trial, role):
    """VAL-03: stored are page, request, role and words, and nothing of the patient whose page it was."""
    person = build.user(role, trial=trial)
    patient = build.patient(trial=trial)
    casebook = build.client(person).get(reverse("reports:casebook", args=[trial.slug, patient.code]))
    link = f"{page(trial, 'problem-new')}?page=reports:casebook"
    assert link in casebook.content.decode()
    answer = build.client(person).post(link, {"text": WORDS})
    row = Incident.objects.get()
    assert (row.page, row.role, row.text, row.state) == ("reports:casebook", role, WORDS, "open")
    assert row.request == answer["X-Request-ID"]
    assert row.reported_by == person
    assert patient.code not in repr(vars(row))


def test_the_page_is_called_by_its_title(trial, nurse, manager):
    """VAL-03: where the problem is typed, in the list and on its page; the CSV keeps the name too."""
    typed = build.client(nurse).get(page(trial, "problem-new"), {"page": "patients:form"})
    assert "Page: Form" in text_of(typed)
    report(trial, nurse, page="patients:form")
    listed, own = (build.client(manager).get(page(trial, *which)) for which in (["problems"], ["problem", 1]))
    for shown in (typed, listed, own):
        main = shown.content.decode().partition("<main")[2].partition("<footer")[0]
        assert "patients:form" not in plain(main)
    cells = {cell.column.name: cell.text for cell in listed.context["listing"].rows[0].cells}
    assert cells["page"] == "Form"


def test_every_page_with_help_has_a_title():
    """VAL-03: a new page without a title fails here."""
    assert TITLES.keys() == HELP.keys()


@pytest.mark.parametrize("sent", ["reports:casebook/LIE-001", "LIE-001", "https://elsewhere", "a" * 80, ""])
def test_what_is_no_name_of_a_page_is_not_stored(trial, nurse, sent):
    """VAL-03: an address holds codes of patients."""
    report(trial, nurse, page=sent)
    assert Incident.objects.get().page == ""


def test_the_person_is_asked_not_to_name_patients(trial, nurse):
    assert "Name no patient, no value and no treatment" in text_of(
        build.client(nurse).get(page(trial, "problem-new"))
    )


def test_a_report_without_words_is_refused(trial, nurse):
    assert report(trial, nurse, text="  ").status_code == 422
    assert not Incident.objects.exists()


def test_a_problem_is_taken_up_and_closed_with_what_was_done(trial, nurse, manager):
    """VAL-03: its state, who looked at it, what was done; the trail tells each step."""
    report(trial, nurse)
    client, address = build.client(manager), page(trial, "problem", 1)
    client.post(address, {"take_up": "yes"})
    row = Incident.objects.get()
    assert (row.state, row.handled_by) == ("looked_at", manager)
    assert client.post(address, {"done": " "}).status_code == 422
    client.post(address, {"done": "The filter was corrected in version 0.2"})
    row.refresh_from_db()
    assert (row.state, row.done) == ("closed", "The filter was corrected in version 0.2")
    told = [(each.history_user_id, each.state) for each in row.history.order_by("history_id")]
    assert told == [(nurse.pk, "open"), (manager.pk, "looked_at"), (manager.pk, "closed")]
    listed = text_of(build.client(nurse).get(page(trial)))
    assert "The filter was corrected in version 0.2" in listed
    assert client.post(address, {"done": "Again"}).status_code == 422


def test_a_problem_cannot_be_closed_without_what_was_done(trial, nurse):
    """VAL-03: on no path."""
    report(trial, nurse)
    with pytest.raises(IntegrityError), transaction.atomic(), acting(system="test"):
        Incident.objects.update(state="closed", closed_at=timezone.now())


def test_who_may_not_handle_problems_reads_them(trial, nurse):
    report(trial, nurse)
    client = build.client(nurse)
    assert "Close the problem" not in text_of(client.get(page(trial, "problem", 1)))
    assert client.post(page(trial, "problem", 1), {"done": "Nothing"}).status_code == 403
    assert client.get(page(trial, "problem-review")).status_code == 403


def test_the_problems_are_reviewed_every_three_months(trial, nurse, manager):
    """VAL-03: the review counts what was reported and is still open; it is due again three months later."""
    report(trial, nurse)
    assert review_due_on(trial) == trial.today + timedelta(days=91)
    client = build.client(manager)
    assert client.post(page(trial, "problem-review"), {"conclusion": ""}).status_code == 422
    client.post(page(trial, "problem-review"), {"conclusion": "One problem, version 0.2 solves it"})
    row = IncidentReview.objects.get()
    assert (row.reported, row.still_open, row.reviewed_by) == (1, 1, manager)
    assert "One problem, version 0.2 solves it" in text_of(client.get(page(trial)))


def test_the_bell_reminds_two_weeks_before_a_review_is_due(trial, manager, nurse):
    """VAL-03: those who handle problems, and nobody else."""
    words = "Reported problems have to be reviewed"
    notices = page(trial, "notices")
    assert words not in text_of(build.client(manager).get(notices))
    with time_machine.travel(timezone.now() + timedelta(days=80)):
        assert words in text_of(build.client(manager).get(notices))
        assert words not in text_of(build.client(nurse).get(notices))
        build.client(manager).post(page(trial, "problem-review"), {"conclusion": "Nothing was reported"})
        assert words not in text_of(build.client(manager).get(notices))


def test_a_problem_of_another_trial_is_not_found(trial, nurse):
    """SEC-02."""
    report(trial, nurse)
    other = build.trial(build.COVID_MSV)
    stranger = build.user("administrator", trial=other)
    assert build.client(stranger).get(page(other, "problem", 1)).status_code == 404
    assert WORDS not in text_of(build.client(stranger).get(page(other)))


def test_the_list_is_filtered_and_downloaded(trial, nurse, manager):
    report(trial, nurse)
    report(trial, nurse, text="=Another one")
    build.client(manager).post(page(trial, "problem", 1), {"done": "Solved"})
    listed = text_of(build.client(nurse).get(page(trial), {"state": "open"}))
    assert "=Another one" in listed
    assert WORDS not in listed
    file = b"".join(build.client(nurse).get(page(trial), {"format": "csv"})).decode()
    assert WORDS in file
    # A spreadsheet would read it as a formula.
    assert "'=Another one" in file


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_costs_the_same_queries_whatever_its_length(trial, nurse, number, django_assert_num_queries):
    for _each in range(number):
        report(trial, nurse)
    client = build.client(nurse)
    client.get(page(trial))
    with django_assert_num_queries(8):
        client.get(page(trial))
