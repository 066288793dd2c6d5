"""The form of an adverse event offers the grades that exist for its term, through the page and past it (SAF-02)."""

import pytest
from django.urls import reverse

from audit.context import acting
from safety.dictionaries.files import FileTerm, Release
from safety.dictionaries.loading import load_dictionary
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


class TestTheFullCtcae:
    """SAF-10, LAB-02: the loaded release of the trial's version counts before the own list."""

    @pytest.fixture
    def load(self):
        def load(version: str) -> None:
            terms = [
                FileTerm("1", "Broken arm", grades="23"), FileTerm("2", "Anaphylaxis", grades="345"),
                FileTerm("3", "Fever", grades="12"),
            ]  # fmt: skip
            with acting(system="test"):
                load_dictionary(kind="ctcae", version=version, release=Release(terms, "0" * 64))

        return load

    def test_its_grades_are_offered_also_for_another_name_of_a_term(self, web, patient, load):
        load("5.0")
        where = reverse("safety:term-grades", args=[patient.trial.slug, patient.code])
        for term, grades in (
            ("broken ARM", "23"),
            ("Anaphylactic shock", "345"),
            ("Pyrexia", "12"),
            ("Cough", "123"),
        ):
            shown = web.get(where, {"term": term}).content.decode()
            assert "".join(code for code in "12345" if f'value="{code}"' in shown) == grades, term

    def test_its_terms_are_suggested_once_beside_the_own_names(self, web, patient, load):
        load("5.0")
        shown = web.get(new(patient)).content.decode()
        assert shown.count('<option value="Broken arm">') == 1
        assert shown.count('<option value="Fever">') == 1
        assert '<option value="Pyrexia">Fever</option>' in shown

    def test_a_grade_that_it_does_not_have_is_refused(self, web, patient, load):
        load("5.0")
        refusal = web.post(new(patient), typed(patient, term="Broken arm", grade="1"))
        assert refusal.status_code == 422
        assert refusal.context["form"].errors == {
            "grade": ["CTCAE 5.0 has these grades of “Broken arm”: 2, 3."]
        }

    def test_a_release_of_another_version_counts_nothing(self, web, patient, load):
        load("6.0")
        where = reverse("safety:term-grades", args=[patient.trial.slug, patient.code])
        shown = web.get(where, {"term": "Broken arm"}).content.decode()
        assert "".join(code for code in "12345" if f'value="{code}"' in shown) == "12345"
