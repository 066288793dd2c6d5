"""The form of an adverse event offers the grades that exist for its term, through the page and past it (SAF-02)."""

import pytest
from django.urls import reverse

from safety.models import AdverseEvent
from tests.support.pages.event_forms import new, text_of, typed

pytestmark = pytest.mark.django_db


def offered(form) -> list[str]:
    return [code for code, _title in form.fields["grade"].choices]


def test_a_new_form_offers_every_grade_and_suggests_names(web, patient):
    page = web.get(new(patient))
    assert offered(page.context["form"]) == ["1", "2", "3", "4", "5"]
    assert '<option value="Multiple organ failure">Multi-organ failure</option>' in page.content.decode()


def test_the_grades_follow_the_term_that_is_typed(web, patient):
    where = reverse("safety:term-grades", args=[patient.trial.slug, patient.code])
    part = web.get(where, {"term": "Anaphylactic shock", "grade": "3"})
    assert part.status_code == 200
    shown = part.content.decode()
    assert [code for code in "12345" if f'value="{code}"' in shown] == ["3", "4", "5"]
    assert 'id="div_id_grade"' in shown
    assert shown.count("checked") == 1
    assert "3: bronchospasm with symptoms, oedema or low pressure" in text_of(part)
    free = web.get(where, {"term": "Broken arm"}).content.decode()
    assert [code for code in "12345" if f'value="{code}"' in free] == ["1", "2", "3", "4", "5"]


def test_a_grade_that_does_not_exist_is_refused_and_nothing_typed_is_lost(web, patient):
    sent = typed(patient, term="Anaphylaxis", grade="1")
    refusal = web.post(new(patient), sent)
    assert (refusal.status_code, AdverseEvent.objects.count()) == (422, 0)
    form = refusal.context["form"]
    assert form.errors == {"grade": ["CTCAE 5.0 has these grades of “Anaphylaxis”: 3, 4, 5."]}
    assert (form["term"].value(), form["onset"].value()) == ("Anaphylaxis", sent["onset"])


def test_a_grade_that_exists_is_stored_under_the_name_that_was_typed(web, patient):
    assert web.post(new(patient), typed(patient, term="Anaphylactic shock", grade="3")).status_code == 302
    event = AdverseEvent.objects.get()
    assert (event.term, event.grade) == ("Anaphylactic shock", 3)


def test_the_same_event_under_another_name_is_asked_about(web, patient):
    """SAF-10: the verbatim text stays as typed."""
    first = typed(patient, term="Multi-organ failure", grade="3", save_key="one")
    assert web.post(new(patient), first).status_code == 302
    again = web.post(new(patient), typed(patient, term="Multiple organ failure", grade="3", save_key="two"))
    assert (again.status_code, AdverseEvent.objects.count()) == (422, 1)
    assert "AE 1" in text_of(again)


def test_only_who_reports_events_asks_for_their_grades(client, patient):
    where = reverse("safety:term-grades", args=[patient.trial.slug, patient.code])
    assert client.get(where, {"term": "Fever"}).status_code == 302
