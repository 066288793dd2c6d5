"""What is typed on pages of the trial is kept for its author: bulk questions, reviews, protocol steps (REL-13)."""

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from audit.models import SavedView, TrailReview
from patients.models import Draft, Patient, Query, Record
from tests.support import build
from tests.support.study import amended_protocol
from trials.models import AccessReview

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]


def kept(client, address, data):
    """Send what is typed as the script does."""
    answer = client.post(f"{address}{'&' if '?' in address else '?'}keep=1", data)
    assert answer.status_code == 200, answer.content[:300]
    return answer.json()["kept"]


def shown(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    assert "did not save is shown below" in answer.content.decode()
    return answer


@pytest.fixture
def patient(trial):
    return build.enrolled(trial=trial)


@pytest.fixture
def manager(trial):
    return build.client(build.user("data_manager", trial=trial))


def test_a_question_in_bulk_is_there_after_the_tab_was_closed_and_gone_once_it_is_raised(
    trial, patient, manager
):
    """REL-13: also after the preview, which raises nothing."""
    rows = Record.objects.filter(patient=patient, form="demography")
    address = reverse("patients:forms-ask", args=[trial.slug])
    data = {"row": [row.pk for row in rows], "item": "demography.sex", "text": "As in the passport?"}
    assert kept(manager, address, data).startswith("Kept ")
    assert not Query.objects.exists()
    ticked = f"{address}?row={rows[0].pk}"
    form = shown(manager, ticked).context["form"]
    assert (form["text"].value(), form["item"].value()) == ("As in the passport?", "demography.sex")
    assert manager.post(address, data).status_code == 200
    shown(manager, ticked)
    raised = {"row": [f"{rows[0].pk}:sex"], "text": data["text"], "confirm": "a" * 32}
    assert manager.post(address, raised).status_code == 302
    assert (Query.objects.count(), Draft.objects.count()) == (1, 0)


def test_a_question_about_consents_and_the_closing_of_queries_are_kept(trial, patient, manager):
    """REL-13."""
    asking = reverse("patients:facts-ask", args=[trial.slug, "consent"])
    consent = patient.consents.first()
    kept(manager, asking, {"row": consent.pk, "item": "given", "text": "Which clock?"})
    assert shown(manager, f"{asking}?row={consent.pk}").context["form"]["text"].value() == "Which clock?"
    closing = reverse("patients:queries-close", args=[trial.slug])
    kept(manager, closing, {"text": "Answered by the source"})
    assert shown(manager, closing).context["form"]["text"].value() == "Answered by the source"


def test_the_conclusion_of_a_review_of_the_trail_is_kept_for_its_filter(trial, patient, manager):
    """REL-13, AUD-11: what was typed about one part of the trail is not shown under another."""
    trail = reverse("audit:trail", args=[trial.slug])
    typed = {"finding": "nothing", "conclusion": "All visits were dated"}
    kept(manager, f"{trail}?form=patients.visit", typed)
    review = shown(manager, f"{trail}?form=patients.visit").context["review"]
    assert (review["conclusion"].value(), review["finding"].value()) == (typed["conclusion"], "nothing")
    assert not manager.get(f"{trail}?form=vitals").context["review"]["conclusion"].value()
    assert not TrailReview.objects.exists()
    discarded = manager.post(f"{trail}?form=patients.visit&discard=1")
    assert discarded["Location"] == f"{trail}?form=patients.visit"
    kept(manager, f"{trail}?form=patients.visit", typed)
    assert manager.post(f"{trail}?form=patients.visit", typed).status_code == 302
    assert (TrailReview.objects.count(), Draft.objects.count()) == (1, 0)


def view_with_plan(trial) -> SavedView:
    with acting(system="test"):
        return SavedView.objects.create(
            trial_id=trial.pk, name="Visits", query="form=patients.visit", sample=2, made_by=1, made_by_name="D",
            made_at=timezone.now(), every_days=30, person_id=1, person_name="D", starts_on=timezone.now().date(),
        )  # fmt: skip


def test_the_plan_of_a_view_that_was_changed_meanwhile_is_not_undone(trial, manager):
    """AUD-11, REL-13: two open pages; the second save is refused in a sentence and keeps what was typed."""
    view = view_with_plan(trial)
    address = reverse("audit:view", args=[trial.slug, view.pk])
    version = f'name="version" value="{view.version}"'
    assert version in manager.get(address).content.decode()
    assert manager.post(address, {"purpose": "Late entries", "version": view.version}).status_code == 302
    refused = manager.post(address, {"purpose": "Nights", "version": view.version})
    assert refused.status_code == 400
    text = refused.content.decode()
    assert "The view was changed meanwhile" in text
    assert "Nights</textarea>" in text
    # It is refused again until the page is opened again.
    assert version in text
    view.refresh_from_db()
    assert (view.purpose, view.every_days) == ("Late entries", None)


def test_the_review_of_a_sample_is_kept_with_the_sample_that_was_drawn(trial, patient, manager):
    """REL-13, AUD-11: the conclusion is about these entries, so the same ones are shown again."""
    view = view_with_plan(trial)
    address = reverse("audit:view-sample", args=[trial.slug, view.pk])
    first = manager.get(address).context
    kept(manager, address, {"drawn": first["token"], "conclusion": "Two entries read", "finding": "nothing"})
    again = shown(manager, address).context
    assert again["form"]["conclusion"].value() == "Two entries read"
    assert again["drawn"].seed == first["drawn"].seed
    assert [line.entry.row.pk for line in again["lines"]] == [line.entry.row.pk for line in first["lines"]]


def test_a_review_of_access_is_kept_without_its_password(trial):
    """REL-13, ACC-03."""
    reviewer = build.client(build.user("principal_investigator", trial=trial))
    address = reverse("accounts:access-review-new", args=[trial.slug])
    data = {
        "since": "01-SEP-2026",
        "until": "14-SEP-2026",
        "conclusion": "Compared with the log",
        "password": "x",
    }
    assert kept(reviewer, address, data).startswith("Kept ")
    form = shown(reviewer, address).context["form"]
    assert form["conclusion"].value() == "Compared with the log"
    assert not form["password"].value()
    assert '"x"' not in repr(Draft.objects.get().payload).replace("'", '"')
    assert reviewer.post(address, {**data, "password": "wrong"}).status_code == 422
    assert Draft.objects.exists()
    assert reviewer.post(address, {**data, "password": build.PASSWORD}).status_code == 302
    assert (AccessReview.objects.count(), Draft.objects.count()) == (1, 0)


@pytest.fixture
def walk():
    return amended_protocol.trial()


def test_moving_patients_keeps_the_reason_and_who_is_ticked(walk):
    """REL-13."""
    one, other = (
        amended_protocol.enrolled(walk, by=build.user("investigator", trial=walk)) for _each in range(2)
    )
    amended_protocol.amendment()
    manager = build.client(build.user("data_manager", trial=walk))
    address = reverse("patients:protocol-move", args=[walk.slug, "1.1"])
    data = {"patient": [f"{one.code}:{one.protocol_id}"], "reason": "Approved by the committee"}
    kept(manager, address, data)
    page = shown(manager, address)
    assert page.context["form"]["reason"].value() == "Approved by the committee"
    assert f'value="{one.code}:{one.protocol_id}" checked' in page.content.decode()
    assert f'value="{other.code}:{other.protocol_id}" checked' not in page.content.decode()
    assert manager.post(address, data).status_code == 302
    assert Patient.objects.get(pk=one.pk).protocol.version == "1.1"
    assert not Draft.objects.exists()


def test_the_reason_for_withdrawing_a_version_is_kept(walk):
    """REL-13."""
    amended_protocol.amendment()
    address = reverse("patients:protocol-withdraw", args=[walk.slug, "1.1"])
    manager, other = (build.client(build.user("data_manager", trial=walk)) for _each in range(2))
    kept(manager, address, {"reason": "Loaded by mistake"})
    assert shown(manager, address).context["form"]["reason"].value() == "Loaded by mistake"
    assert not other.get(address).context["form"]["reason"].value()
    assert manager.post(address, {"reason": "Loaded by mistake"}).status_code == 302
    assert not Draft.objects.exists()
