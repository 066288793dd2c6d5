"""Blinding of the trail: neither rows nor counts nor gaps reveal who got cells (AUD-15, BLD-03)."""

import re

import pytest

from audit import events
from audit.context import acting
from dosing.models import AllocationSlot
from exports.tables.trail.table import COLUMNS, trail_table
from tests.support import build
from tests.support.pages.trail_pages import (
    everything,
    infusion_of,
    lines,
    prepare,
    sign_of,
    text_of,
    url,
    vitals_of_number,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]
TABLE = [column.name for column in COLUMNS].index("table")


@pytest.fixture
def trial_masked():
    return build.trial(build.COVID_MSV)


def test_blinded_roles_see_nothing_of_the_treatment_in_the_trail(trial_masked):
    """AUD-15, BLD-03: no rows, events or signatures, and no such tables in the filter."""
    patient = build.patient(trial=trial_masked)
    everything(trial_masked, patient)
    seen, blind = (
        {line.entry.source for line in lines(build.user(role, trial=trial_masked), trial_masked)}
        for role in ("inspector", "monitor")
    )
    hidden = {"dosing.preparation", "dosing.allocationslot", "patients.identity"}

    assert seen >= {"dosing.preparation", "dosing.allocationslot", "audit.signature"}
    assert not blind & {*hidden, "audit.signature"}
    response = build.client(build.user("investigator", trial=trial_masked)).get(url(trial_masked))
    assert "reparation" not in text_of(response)
    # The hash of the list is published: it tells nothing.
    assert "llocation" not in text_of(response).replace("Commitment to the allocation list", "")
    assert "Treatment read" not in text_of(response)


def test_the_exported_trail_hides_signatures_on_what_it_hides(trial_masked):
    """AUD-15, BLD-03: a signature on a preparation reveals that it exists."""
    everything(trial_masked, build.patient(trial=trial_masked))
    fields = {
        sees: {row[TABLE] for row in trail_table(trial_masked, sees_treatment=sees).rows()}
        for sees in (True, False)
    }
    assert fields[True] - fields[False] >= {"dosing.preparation", "audit.signature"}


def test_a_filter_cannot_reach_behind_the_blind(trial_masked):
    """AUD-15: a filter for a hidden table answers as for an empty one."""
    patient = build.patient(trial=trial_masked)
    everything(trial_masked, patient)
    monitor = build.user("monitor", trial=trial_masked)
    slot = AllocationSlot.objects.get()

    assert lines(monitor, trial_masked, form="dosing.allocationslot") == []
    assert lines(monitor, trial_masked, row=f"dosing.allocationslot:{slot.pk}") == []
    assert lines(monitor, trial_masked, item="arm", form="dosing.allocationslot") == []


def test_the_page_is_the_same_whether_or_not_the_patient_got_cells(trial_masked):
    """AUD-15: hidden rows leave no gap, count or time, not even on the next page."""
    patient = build.patient(trial=trial_masked)
    infusion = infusion_of(patient)
    for number in range(60):
        vitals_of_number(patient, number)
    browser = build.client(build.user("monitor", trial=trial_masked))
    first = browser.get(url(trial_masked))
    later = first.context["listing"].next_url
    before = [main_of(first), main_of(browser.get(later))]
    sign_of(prepare(infusion), trial_masked)
    with acting(system="test"):
        for _ in range(60):
            events.record(kind="treatment_seen", trial_id=trial_masked.pk, see="see_treatment")

    assert [main_of(browser.get(address)) for address in (url(trial_masked), later)] == before


def main_of(response) -> bytes:
    """Return the page without its shell, which has the session clock, and without the CSRF token."""
    main = re.search(rb"<main.*?</main>", response.content, re.DOTALL)[0]
    return re.sub(rb'csrfmiddlewaretoken" value="[^"]+"', b"", main)
