"""One tap at the bedside opens an adverse event linked to the infusion; each page shows the other (CEL-16, SAF-15)."""

import pytest
from django.urls import reverse

from audit.context import acting
from dosing.models import Infusion
from patients.models import Query
from safety.models import AdverseEvent
from safety.reporting import mark_entered_in_error
from tests.exports.test_tables import rows_of
from tests.support import build
from tests.support.pages.event_forms import new, page, text_of, typed
from tests.support.pages.infusions import page as infusion_page
from tests.support.study.bedside import INCLUDED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def included(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def ward(trial, included):
    return build.client(build.user("coordinator", trial=trial))


def sent(patient, **changed) -> dict:
    return {**typed(patient), "onset": "10-Mar-2026 10:30", "end": "10-Mar-2026 11:30", **changed}


def chosen(response) -> object:
    return response.context["form"]["infusion"].value()


def test_the_form_opened_at_the_bedside_proposes_its_infusion_and_says_so(ward, included):
    """DAT-01: a known value is offered, labelled as taken from there; without the bedside nothing is chosen."""
    opened = ward.get(f"{new(included)}?infusion=2")
    assert chosen(opened) == "2"
    assert "Taken from the page of the bedside: Infusion 2." in text_of(opened)
    plain = ward.get(new(included))
    assert not chosen(plain)
    assert "Taken from" not in text_of(plain)


@pytest.mark.parametrize("number", ["4", "0", "-1", "x", "1 OR 1"])
def test_an_address_with_an_infusion_that_the_patient_has_not_is_not_found(ward, included, number):
    assert ward.get(new(included), {"infusion": number}).status_code == 404


def test_the_link_is_stored_and_both_pages_show_it_by_address(ward, included):
    answer = ward.post(new(included), sent(included, infusion="2"))
    event = AdverseEvent.objects.get()
    assert answer.url == page(event)
    assert event.infusion == 2
    bedside, record = (infusion_page(included, name, 2) for name in ("bedside", "infusion"))
    shown = ward.get(page(event)).content.decode()
    assert f'<a href="{bedside}">Infusion 2</a>' in shown
    for address in (bedside, record):
        assert f'<a href="{page(event)}">AE 1 · Fever</a>' in ward.get(address).content.decode()
    assert page(event) not in ward.get(infusion_page(included, "bedside", 1)).content.decode()


def test_the_proposal_can_be_changed_or_emptied(ward, included):
    ward.post(new(included), sent(included, infusion=""))
    assert AdverseEvent.objects.get().infusion is None


@pytest.mark.parametrize("number", ["4", "x", "-1"])
def test_an_infusion_that_is_not_the_patients_is_refused_beside_the_field_and_nothing_is_lost(
    ward, included, number
):
    refused = ward.post(new(included), sent(included, infusion=number, term="Rigor"))
    assert refused.status_code == 422
    assert "This is no infusion of this patient: choose one, or none." in str(
        refused.context["form"].errors["infusion"]
    )
    assert refused.context["form"]["term"].value() == "Rigor"
    assert not AdverseEvent.objects.exists()


def test_the_verb_itself_refuses_another_patients_infusion(included, doctor):
    """With the form bypassed: the other patient was not included and has no infusion."""
    other = build.patient(trial=included.trial)
    with (
        acting(user=doctor, role="investigator"),
        pytest.raises(Exception, match="no infusion of this patient"),
    ):
        build.event(patient=other, by=doctor, infusion=1)
    assert not AdverseEvent.objects.exists()


def test_a_patient_without_infusions_is_not_asked(trial, ward):
    assert "infusion" not in ward.get(new(build.patient(trial=trial))).context["form"].fields


def test_the_draft_keeps_the_infusion(ward, included):
    ward.post(f"{new(included)}", {**sent(included, infusion="2"), "draft": "1"})
    assert chosen(ward.get(new(included), {"draft": "1"})) == "2"


def test_the_link_is_amended_with_a_reason_and_the_trail_keeps_the_old_one(ward, included, doctor):
    """AUD-04."""
    ward.post(new(included), sent(included, infusion="2"))
    event = AdverseEvent.objects.get()
    form = ward.get(page(event, "amend")).context["form"]
    assert form["infusion"].value() == "2"
    typed_in = {**sent(included, infusion="1"), "version": event.version}
    refused = ward.post(page(event, "amend"), typed_in)
    assert refused.status_code == 422
    reasons = {"reason": form.fields["reason"].choices[1][0], "reason_text": "Misread"}
    assert ward.post(page(event, "amend"), {**typed_in, **reasons}).status_code == 302
    event.refresh_from_db()
    assert event.infusion == 1
    assert list(event.history.order_by("history_id").values_list("infusion", flat=True)) == [2, 1]


def test_a_change_of_the_infusion_ends_the_signature_of_the_review(included, doctor):
    """SIG-02."""
    event = build.event(patient=included, by=doctor, infusion=1)
    assert event.signed_content()["infusion"] == 1


def test_an_event_entered_in_error_is_marked_at_the_infusion(ward, included, doctor):
    with acting(user=doctor, role="investigator"):
        event = build.event(patient=included, by=doctor, infusion=1)
        mark_entered_in_error(event=event, reason="Another patient", version=event.version, by=doctor)
    assert "AE 1 · Fever Entered in error" in text_of(ward.get(infusion_page(included)))


def test_a_query_can_be_about_the_infusion_of_an_event(trial, included, doctor):
    event = build.event(patient=included, by=doctor, infusion=1)
    asker = build.client(build.user("monitor", trial=trial))
    place = [trial.slug, included.code, Query.Target.ADVERSE_EVENT, event.pk, "infusion"]
    shown = text_of(asker.get(reverse("patients:fact", args=place)))
    assert "Infusion at which it began" in shown
    assert "Infusion 1" in shown


def test_the_export_names_the_infusion(trial, included, doctor):
    build.event(patient=included, by=doctor, infusion=2)
    build.event(patient=included, by=doctor, infusion=None)
    assert [row["infusion"] for row in rows_of(trial, "adverse_events")] == [2, None]


def test_events_of_an_infusion_cost_one_query_whatever_their_number(
    ward, included, doctor, django_assert_max_num_queries
):
    address = infusion_page(included)
    ward.get(address)
    for _each in range(3):
        build.event(patient=included, by=doctor, infusion=1)
        with django_assert_max_num_queries(40):
            assert len(ward.get(address).context["events"]) == AdverseEvent.objects.count()
    assert Infusion.objects.filter(patient=included).count() == 3


def test_after_the_lock_the_infusion_is_still_proposed(trial, included):
    web = build.client(build.user("investigator", trial=trial))
    with acting(system="test"):
        type(included).objects.filter(pk=included.pk).update(locked_at="2026-03-29T10:00Z")
    opened = web.get(f"{new(included)}?infusion=1", follow=True)
    assert opened.redirect_chain[-1][0].endswith("/after-lock/?infusion=1")
    assert chosen(opened) == "1"
