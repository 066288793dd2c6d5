"""The name in the header of a patient's pages: for those with the right, and each look is recorded (PRV-04)."""

import pytest

from audit.models import AccessEvent
from tests.support import build

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
PAGES = ("", "consent/", "visits/SCR/", "visits/SCR/vitals/", "identity/")


@pytest.fixture
def patient(trial):
    found = build.patient(trial=trial, name="Jeanne <Dubois>")
    build.consent(found)
    return found


def looks(patient, role: str, below: str) -> tuple[str, int]:
    """Return the page, and how many looks at the identity it recorded."""
    seen = AccessEvent.objects.filter(kind="identity_seen", patient_id=patient.pk)
    before = seen.count()
    client = build.client(build.user(role, trial=patient.trial))
    html = client.get(f"/trials/{patient.trial.slug}/patients/{patient.code}/{below}").content.decode()
    return html, seen.count() - before


@pytest.mark.parametrize("below", PAGES)
def test_each_page_that_shows_the_name_is_one_look(patient, below):
    html, seen = looks(patient, "coordinator", below)
    assert seen == 1
    assert 'identity/">Jeanne &lt;Dubois&gt;</a>' in html


@pytest.mark.parametrize(
    "role", ["monitor", "data_manager", "cell_laboratory", "statistician", "administrator"]
)
@pytest.mark.parametrize("below", PAGES[:3])
def test_who_may_not_see_identities_sees_no_name_and_no_way_to_it(patient, role, below):
    html, seen = looks(patient, role, below)
    assert seen == 0
    assert "Dubois" not in html
    assert "identity/" not in html


def test_a_patient_without_a_name_leaves_no_look_and_a_way_to_the_identity(trial):
    html, seen = looks(build.patient(trial=trial), "investigator", "")
    assert seen == 0
    assert 'identity/">Identity</a>' in html
