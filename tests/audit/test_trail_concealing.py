"""Values that the trail conceals: the arms of free allocation slots, and the seed (RND-01, BLD-03)."""

import csv
import hashlib
import io
import zipfile
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from audit.trail_index.building import refresh
from audit.trail_reading import reading
from audit.trail_reading.change_labels import Reader
from audit.trail_reading.sources import Filter
from dosing.allocation.lists import generate_list
from dosing.models import AllocationSlot
from exports.paper.audience import Audience
from exports.paper.trail import trail_part
from patients.review.locks import lock_trial
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages.trail_pages import lines, text_of, url
from trials.permissions import Permission
from trials.roles import ROLES

pytestmark = pytest.mark.django_db
READERS = sorted(code for code, role in ROLES.items() if Permission.SEE_TRAIL in role.permissions)
UNBLINDED = [code for code in READERS if Permission.SEE_TREATMENT in ROLES[code].permissions]
BLINDED = [code for code in READERS if code not in UNBLINDED]
EXPORTERS = sorted(code for code, role in ROLES.items() if Permission.EXPORT in role.permissions)
ARMS = {"cells", "placebo"}
FREE = "concealed until the slot is taken"
SEED = "concealed until the trial is locked"


@pytest.fixture
def trial():
    """A randomised trial in which one allocation slot is taken."""
    trial = build.trial(build.COVID_MSV)
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed="QXJ-seed")
    build.eligible(trial=trial, screened_on=date(2026, 3, 10))
    return trial


@pytest.fixture
def taken(trial) -> AllocationSlot:
    return AllocationSlot.objects.get(patient__isnull=False)


def told(found, code: str) -> dict[int, str]:
    """Return by slot the value of a column as a trail page shows it."""
    return {entry.row.id: change.new for entry in found for change in entry.changes if change.code == code}


def slots_of(person, trial, **filters) -> list:
    filters |= {"form": "dosing.allocationslot", "kind": "created"}
    return [line.entry for line in lines(person, trial, **filters)]


@pytest.mark.parametrize("role", UNBLINDED)
def test_the_page_shows_the_arm_of_the_allocated_slot_and_of_no_other(trial, taken, role):
    """RND-01: unblinded readers see the arm of the patient, not that of the next one."""
    person = build.user(role, trial=trial)
    for column, known in (("arm", taken.arm), ("block", SEED)):
        found = told(slots_of(person, trial), column)
        assert len(found) == AllocationSlot.objects.count()
        assert found.pop(taken.pk) == known
        assert set(found.values()) == {FREE}


@pytest.mark.parametrize("role", UNBLINDED)
def test_the_block_of_a_taken_slot_is_shown_nowhere_before_the_trial_is_locked(trial, taken, role):
    """RND-02: whoever knows where a block ends can infer its last arms from the others."""
    person = build.user(role, trial=trial)
    page = reverse("dosing:allocation", args=[trial.slug])

    def shown() -> tuple[bool, bool, str]:
        browser = build.client(person)
        csv_head = b"".join(browser.get(page, {"format": "csv"}).streaming_content).decode().splitlines()[1]
        listed = "block" in {column.name for column in browser.get(page).context["listing"].columns}
        return listed, "block" in csv_head.split(","), told(slots_of(person, trial), "block")[taken.pk]

    assert shown() == (False, False, SEED)
    with acting(system="test"):
        lock_trial(trial=trial, reason="Closed", open_points={}, overridden={}, by=build.user(trial=trial))
    assert shown() == (True, True, str(taken.block))


@pytest.mark.parametrize("role", each_engine_or_one(BLINDED))
def test_the_blinded_see_no_slot_of_the_list(trial, role):
    """BLD-03, AUD-15."""
    person = build.user(role, trial=trial)
    assert slots_of(person, trial) == []
    assert FREE not in text_of(build.client(person).get(url(trial)))


def test_a_slot_is_shown_from_the_moment_it_is_allocated(trial, taken):
    """RND-01."""
    person = build.user("statistician", trial=trial)
    free = AllocationSlot.objects.filter(patient=None).order_by("position").first()
    assert told(slots_of(person, trial), "arm")[free.pk] == FREE
    build.eligible(trial=trial, screened_on=date(2026, 3, 11))
    free.refresh_from_db()
    assert free.patient_id is not None
    assert told(slots_of(person, trial), "arm")[free.pk] == free.arm


@pytest.mark.parametrize("role", UNBLINDED)
def test_the_seed_from_which_the_list_can_be_made_again_is_shown_once_the_trial_is_locked(trial, role):
    """RND-01: the algorithm is public, so the seed tells every arm to come."""
    browser = build.client(build.user(role, trial=trial))
    pages = (url(trial, form="dosing.allocationlist"), reverse("dosing:allocation", args=[trial.slug]))
    for page in pages:
        assert SEED in text_of(browser.get(page))
        assert "QXJ" not in browser.get(page).content.decode()
    with acting(system="test"):
        lock_trial(trial=trial, reason="Closed", open_points={}, overridden={}, by=build.user(trial=trial))
    for page in pages:
        assert "QXJ-seed" in text_of(browser.get(page))


@pytest.mark.parametrize("role", UNBLINDED)
def test_the_csv_of_the_trail_shows_as_much_as_its_page(trial, taken, role):
    """RND-01."""
    address = url(trial, format="csv")
    content = b"".join(build.client(build.user(role, trial=trial)).get(address).streaming_content).decode()
    head, _break, lines = content.partition("\r\n")
    assert "UNBLINDED" in head
    rows = [row for row in csv.DictReader(io.StringIO(lines)) if row["table"] == "dosing.allocationslot"]
    arms = [row["new"] for row in rows if row["field"] == "arm"]

    assert [arm for arm in arms if arm != FREE] == [taken.arm]
    assert len(arms) == AllocationSlot.objects.count()
    assert "QXJ" not in content


@pytest.mark.parametrize("role", EXPORTERS)
def test_the_trail_of_an_export_shows_no_slot_that_is_free(trial, taken, role):
    """RND-01, BLD-03: a blinded export holds no row of the list, an unblinded one that of the patient."""
    browser = build.client(build.user(role, trial=trial))
    answer = browser.post(reverse("exports:index", args=[trial.slug]), {"purpose": "Board"})
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    content = archive.read("audit_trail.csv").decode()
    rows = [row for row in csv.DictReader(io.StringIO(content, newline="")) if row["field"] == "arm"]
    known = {row["row"]: row["new"] for row in rows if row["new"] != FREE}

    assert known == ({str(taken.pk): taken.arm} if role in UNBLINDED else {})
    assert {row["new"] for row in rows} <= {taken.arm, FREE}
    assert not [name for name in archive.namelist() if b"QXJ" in archive.read(name)]


@pytest.mark.parametrize("role", READERS)
def test_the_block_sizes_in_the_protocol_file_are_shown_to_the_unblinded_alone(trial, role):
    """RND-02: whoever knows where a block ends can infer its last arms from the others."""
    answer = build.client(build.user(role, trial=trial)).get(url(trial, format="csv"))
    content = b"".join(answer.streaming_content).decode()
    # The text is too long for a cell: the file names it by its hash, and the export has it.
    assert "block_sizes = [2, 4]" in trial.protocol.text
    digest = hashlib.sha256(trial.protocol.text.encode()).hexdigest()
    assert (f"texts/{digest}.txt" in content) is (role in UNBLINDED)
    assert ("shown to users who may know the treatment" in content) is (role in BLINDED)


def test_the_history_of_a_place_conceals_what_the_page_conceals(trial, taken):
    """RND-01."""
    free = AllocationSlot.objects.filter(patient=None).first()
    for slot, shown in ((taken, taken.arm), (free, FREE)):
        reader = Reader(language="en", zone="Europe/Madrid", may={"see_treatment"})
        wanted = Filter(trial_id=trial.pk, row=("dosing.allocationslot", slot.pk), item="arm")
        (entry,) = reading.page(wanted, may={"see_trail", "see_treatment"}, reader=reader).entries
        assert {change.new for change in entry.changes if change.code == "arm"} == {shown}


def test_the_casebook_on_paper_and_the_search_show_no_arm_of_a_free_place(trial, taken):
    """RND-01, BLD-03."""
    for role in UNBLINDED:
        person = build.user(role, trial=trial)
        audience = Audience(trial, frozenset(map(str, ROLES[role].permissions)))
        part = str(trail_part(taken.patient_id, audience))
        assert "Allocated at" in part
        assert not [arm for arm in ARMS - {taken.arm} if f"'{arm}'" in part]
        for text in ("QXJ", "placebo", "allocation"):
            answer = build.client(person).get(reverse("reports:search", args=[trial.slug]), {"q": text})
            assert not answer.context["results"].any


def test_concealing_costs_the_same_whatever_the_number_of_places(trial):
    """One statement for each table that conceals something; the index has read what was written."""
    person = build.user("statistician", trial=trial)

    def cost() -> int:
        refresh()
        with CaptureQueriesContext(connection) as asked:
            slots_of(person, trial)
        return len(asked)

    before = cost()
    with acting(system="test"):
        for number in range(2):
            AllocationSlot.objects.create(trial=trial, position=900 + number, block=99, arm="cells")
    assert cost() == before
