"""The investigator assesses an event and signs it in one step, on its page (SAF-03, SIG-01)."""

import pytest

from audit.context import acting
from audit.models import Signature
from safety.models import AdverseEvent
from safety.reporting import amend_event
from tests.support import build
from tests.support.pages.event_forms import page, text_of

pytestmark = pytest.mark.django_db

ANSWER = {"causality": "possible", "password": build.PASSWORD, "version": "1"}


@pytest.fixture
def event(patient):
    """An event whose causality waits for the investigator."""
    return build.event(patient=patient, causality="")


def again(event: AdverseEvent) -> AdverseEvent:
    return AdverseEvent.objects.get(pk=event.pk)


def test_four_actions_assess_and_sign_an_event(web, event):
    """A click on the causality, a click and a password, the button: all on the page of the event."""
    form = web.get(page(event)).context["form"]
    required = [field.name for field in form.visible_fields() if field.field.required]
    assert required == ["causality", "password"]
    assert form["causality"].value() is None

    response = web.post(page(event), ANSWER, follow=True)
    assert response.redirect_chain == [(page(event), 302)]
    assert "AE 1 is assessed and signed." in text_of(response)
    event = again(event)
    signature = Signature.objects.get(target_id=event.pk, target_type="safety.adverseevent")
    assert (event.causality, event.version, signature.meaning) == ("possible", 2, "review")
    assert signature.invalidated_at is None
    assert (
        str(event.history.latest("history_id").history_change_reason) == "First assessment of the causality"
    )
    assert "form" not in response.context


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"password": "wrong"}, "password", "password"),
        ({"password": ""}, "password", "required"),
        ({"causality": ""}, "causality", "required"),
        ({"causality": "certainly"}, "causality", "not one of the available choices"),
    ],
    ids=str,
)
def test_both_are_stored_or_neither(web, event, changed, field, sentence):
    response = web.post(page(event), ANSWER | changed)
    form = response.context["form"]

    assert response.status_code == 422
    assert sentence in str(form.errors[field])
    assert build.PASSWORD not in response.content.decode()
    assert (again(event).causality, again(event).version) == ("", 1)
    assert not Signature.objects.filter(target_type="safety.adverseevent").exists()


def test_a_wrong_password_keeps_the_chosen_causality(web, event):
    response = web.post(page(event), ANSWER | {"password": "wrong"})
    assert response.context["form"]["causality"].value() == "possible"


def test_an_assessed_event_asks_for_the_password_alone(web, patient, doctor):
    event = build.event(patient=patient, causality="unlikely", by=doctor)
    form = web.get(page(event)).context["form"]
    assert [field.name for field in form.visible_fields()] == ["password"]

    web.post(page(event), ANSWER | {"causality": "definite"})
    assert (again(event).causality, again(event).version) == ("unlikely", 1)
    assert Signature.objects.filter(target_type="safety.adverseevent").count() == 1


def test_an_event_that_changed_meanwhile_is_read_again_first(web, event, doctor):
    """DAT-11, SIG-02: nobody signs what was not shown."""
    with acting(user=doctor, role="investigator"):
        amend_event(event=event, changes={"grade": 2}, reason="Seen", version=1, by=doctor)
    response = web.post(page(event), ANSWER)
    assert response.status_code == 422
    assert "changed while you typed" in text_of(response)
    assert again(event).causality == ""


@pytest.mark.parametrize("role", ["coordinator", "monitor", "data_manager"])
def test_only_an_investigator_assesses_and_signs(trial, event, role):
    web = build.client(build.user(role, trial=trial))
    assert "form" not in web.get(page(event)).context
    assert web.post(page(event), ANSWER).status_code == 403
    assert again(event).causality == ""


def test_an_event_entered_in_error_is_not_signed(web, event, doctor):
    with acting(system="test"):
        AdverseEvent.objects.update(in_error_reason="Another patient")
    assert "form" not in web.get(page(event)).context
    assert web.post(page(event), ANSWER).status_code == 422
    assert again(event).causality == ""
