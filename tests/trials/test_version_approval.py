"""A version is approved by the principal investigator, who did not load it, before it is in force (DAT-09, VAL-02)."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError

from audit.context import acting
from audit.models import Signature
from tests.support import build
from trials.models import ProtocolVersion, Trial
from trials.versions.loading import load_protocol, put_due_in_force
from trials.versions.version_approval import approve_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def required(settings):
    settings.VERSIONS_NEED_APPROVAL = True


@pytest.fixture
def loaded(required):
    with acting(system="test"):
        return load_protocol(text=build.protocol_text(build.LIEGE), effective_from=date(2020, 5, 1))


@pytest.fixture
def chief(loaded):
    return build.user("principal_investigator", trial=loaded.trial)


def approve(version, by, password=build.PASSWORD):
    with acting(user=by, role="principal_investigator"):
        return approve_version(version=version, password=password, by=by)


def test_nobody_is_screened_before_the_approval_and_every_page_says_so(loaded, chief):
    """DAT-09."""
    trial = Trial.objects.get()
    assert trial.protocol is None
    assert put_due_in_force() == []
    nurse = build.user("coordinator", trial=trial)
    home = build.client(nurse).get(f"/trials/{trial.slug}/").content.decode()
    assert "awaits the approval of the principal investigator" in home
    approve(loaded, chief)
    assert Trial.objects.get().protocol == loaded


def test_the_approval_signs_this_text(loaded, chief):
    approve(loaded, chief)
    row = ProtocolVersion.objects.get()
    assert row.approved_by == chief
    signature = Signature.objects.get(target_type="trials.protocolversion")
    assert (signature.signer_id, signature.meaning) == (chief.pk, "approval")
    with pytest.raises(ValidationError, match="approved already"):
        approve(loaded, chief)


def test_who_loaded_a_version_does_not_approve_it(required):
    """VAL-02: two persons."""
    with acting(system="test"):
        trial = Trial.objects.create(slug=build.LIEGE)
    chief = build.user("principal_investigator", trial=trial)
    version = load_protocol(text=build.protocol_text(build.LIEGE), by=chief, effective_from=date(2020, 5, 1))
    assert version.loaded_by == chief
    with pytest.raises(ValidationError, match="another person has to approve"):
        approve(version, chief)
    assert Trial.objects.get().protocol is None


def test_the_page_of_the_protocol_shows_who_loaded_and_who_approved(loaded, chief):
    trial, browser = loaded.trial, build.client(chief)
    listed = browser.get(f"/trials/{trial.slug}/protocol/").content.decode()
    assert "Awaits approval" in listed
    address = f"/trials/{trial.slug}/protocol/1.0/approve/"
    assert address in listed
    assert browser.post(address, {"password": "wrong"}).status_code == 422
    shown = browser.post(address, {"password": build.PASSWORD}, follow=True).content.decode()
    assert "Version 1.0 is approved" in shown
    assert chief.full_name in shown
    assert "is approved already" in browser.get(address, follow=True).content.decode()


def test_patients_are_not_moved_to_a_version_that_nobody_approved(walking, settings):
    """DAT-09."""
    from patients.participation.protocol_amendments.amendments import chain_of, move_refusal
    from tests.support.study import amended_protocol

    patient = build.patient(trial=walking)
    version = amended_protocol.amendment()
    settings.VERSIONS_NEED_APPROVAL = True
    assert "awaits the approval" in move_refusal(patient, version, chain_of(walking))


def test_where_it_is_not_required_a_version_is_in_force_at_once(trial):
    assert trial.protocol is not None
    assert trial.protocol.approved_at is None
