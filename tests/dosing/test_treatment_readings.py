"""Who read the treatment of a masked trial: an event for every answer that shows a row of it (AUD-08, BLD-03).

Addresses come from the access matrix and from links, so a new page is read here without being named.
"""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.urls import reverse

from audit import events
from audit.models import AccessEvent
from dosing.models import Preparation
from reports.audit_trail import csv_file
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages import blinding
from tests.support.pages.access_matrix import TRIAL_PAGES
from tests.support.pages.every_page import may_open, page_of, trial_patterns
from tests.support.study.bedside import NOW
from tests.support.study.masked_trial import also, masked_trial
from trials.permissions import Permission
from trials.roles import ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]

UNBLINDED = sorted(code for code, role in ROLES.items() if Permission.SEE_TREATMENT in role.permissions)
# A word of a product, of the reason for its dose, or the number of a product deviation.
OF_THE_TREATMENT = re.compile(rb"QXJ|91\.37|56,?000,?000|\bP-[12]\b")
SEARCHES = ("LOT-QXJ", "D-QXJ", "P-1", "QXJ")


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker) -> Iterator[SimpleNamespace]:
    with django_db_blocker.unblock(), time_machine.travel(NOW, tick=False), transaction.atomic():
        yield masked_trial()
        transaction.set_rollback(True)


def addresses(world) -> dict[str, str]:
    """Return an address of every page of the matrix for a patient who received cells, by its name."""
    return {name: page_of(world.treated[0], name, pattern) for name, pattern in trial_patterns().items()}


def readings(world, role: str) -> dict[str, tuple[str, bytes]]:
    """Return by address the request and the content of all that a role is shown."""
    client = build.client(world.staff[role])
    own = [address for name, address in addresses(world).items() if may_open(role, name)]
    found: dict[str, tuple[str, bytes]] = {}

    def get(url: str):
        response = client.get(url)
        found[url] = (response["X-Request-ID"], blinding.shown(response))
        return response

    recording = SimpleNamespace(get=get)
    searches = [f"{world.home}search/?q={text}" for text in SEARCHES]
    csv = [f"{address}?format=csv" for address in own if "?" not in address]
    blinding.walk(recording, world.home, within=world.home, also=[*own, *csv, *also(world.trial), *searches])
    if may_open(role, "exports:index"):
        response = client.post(f"{world.home}exports/", {"purpose": "Reading"})
        found["POST exports/"] = (response["X-Request-ID"], blinding.shown(response))
    return found


def events_of(request: str):
    return AccessEvent.objects.filter(request=request, see="see_treatment").exclude(kind="review")


def patients_of(event: AccessEvent) -> set[int]:
    return set(event.detail.get("patient_keys", [])) | ({event.patient_id} - {None})


@pytest.mark.long
@pytest.mark.parametrize("role", each_engine_or_one(UNBLINDED, on_each=["inspector"]))
def test_no_answer_shows_a_row_of_the_treatment_without_an_event(world, role):
    """AUD-08: pages, searches, downloads of listings, trail and export, as each role that may know the treatment.

    The event names the patient whose page it is.
    """
    with blinding.undone():
        read = readings(world, role)
        showing = {url: request for url, (request, page) in read.items() if _shows(url, page)}
        unnoted = [url for url, request in showing.items() if not events_of(request).exists()]
        by_code = {each.code: each.pk for each in world.trial.patients.all()}
        nobody = [
            url
            for url, request in showing.items()
            if (code := re.search(r"/patients/([^/]+)/", url))
            and by_code[code[1]] not in set().union(*map(patients_of, events_of(request)))
        ]
    assert len(showing) > 5
    assert unnoted == []
    assert nobody == []


def _shows(url: str, page: bytes) -> bool:
    # A search page repeats what was searched, so only a hit with another word of the product counts.
    told = page.replace(url.partition("?q=")[2].encode(), b"") if "?q=" in url else page
    return OF_THE_TREATMENT.search(told) is not None


def test_rows_of_the_treatment_are_shown_on_pages_of_each_kind(world):
    """Proves that the test above recognises them: trail, search, head of a patient, listings, allocation, files."""
    code = world.treated[0].code
    pages = ("trail/?form=dosing.preparation", "trail/?format=csv", "infusions/", "infusions/?format=csv",
             "search/?q=LOT-QXJ", f"patients/{code}/", f"patients/{code}/infusions/1/", "product-deviations/",
             f"patients/{code}/infusions/1/preparation/")  # fmt: skip
    with blinding.undone():
        read = blinding.crawl(build.client(world.staff["inspector"]), [world.home + page for page in pages])
    assert [url for url, page in read.items() if not _shows(url, page)] == []


def test_a_page_without_the_treatment_leaves_no_event(world):
    """AUD-08: who reads consents has not read the treatment."""
    client = build.client(world.staff["inspector"])
    with blinding.undone():
        for name in ("patients:consents", "patients:queries", "accounts:people", "laboratories:index"):
            response = client.get(reverse(name, args=[world.trial.slug]))
            assert response.status_code == 200
            assert not events_of(response["X-Request-ID"]).exists(), name


def test_a_page_about_several_patients_names_them_all(world):
    """AUD-08: one event for one request, with the codes of the patients."""
    client = build.client(world.staff["statistician"])
    with blinding.undone():
        response = client.get(reverse("dosing:listing", args=[world.trial.slug]))
        event = events_of(response["X-Request-ID"]).get()
    prepared = Preparation.objects.order_by("patient__code")
    assert (event.kind, event.patient_id) == ("treatment_seen", None)
    assert event.detail["patients"] == list(prepared.values_list("patient__code", flat=True))
    assert event.detail["page"] == reverse("dosing:listing", args=[world.trial.slug])


def test_what_is_only_stored_is_not_read(world):
    """AUD-08: the answer to a stored product is a redirect, which shows nothing."""
    laboratory = build.client(world.staff["cell_laboratory"])
    address = reverse("dosing:preparation", args=[world.trial.slug, world.ready.code, 1])
    with blinding.undone():
        refused = laboratory.post(address, {"viable_cells": "much", "version": "2"})
        assert refused.status_code == 422
        assert events_of(refused["X-Request-ID"]).get().patient_id == world.ready.pk


class TestAnAnswerThatCannotBeRecorded:
    @pytest.fixture(autouse=True)
    def _no_record(self, monkeypatch):
        kept = events.record

        def refusing(**about):
            if about["kind"] == "treatment_seen":
                raise DatabaseError("no room")
            return kept(**about)

        monkeypatch.setattr(events, "record", refusing)

    @pytest.mark.parametrize(
        "address",
        ["infusions/", "infusions/?format=csv", "trail/?format=csv", "trail/?form=dosing.preparation"],
    )
    def test_it_is_not_sent(self, world, address):
        """AUD-08: 500 with a page that says why, and nothing of the product."""
        with blinding.undone():
            response = build.client(world.staff["inspector"]).get(world.home + address)
            body = b"".join(response) if response.streaming else response.content
        assert response.status_code == 500
        assert b"could not be recorded" in body
        assert OF_THE_TREATMENT.search(body) is None

    def test_a_page_of_a_blinded_role_is_sent(self, world):
        """BLD-01: whoever is shown nothing of the treatment needs no record."""
        with blinding.undone():
            response = build.client(world.staff["monitor"]).get(f"{world.home}infusions/")
        assert response.status_code == 200
        assert world.treated[0].code in response.content.decode()


class TestAFileSentInPortions:
    def test_each_portion_is_recorded_before_it_leaves(self, world, monkeypatch):
        """AUD-08: rows that a file reads while it is being sent are recorded too, each patient once."""
        monkeypatch.setattr("trials.blinding.treatment_reads.PORTION", 1)
        monkeypatch.setattr(csv_file, "RUN", 1)
        with blinding.undone():
            response = build.client(world.staff["inspector"]).get(f"{world.home}trail/?format=csv")
            seen, shown = set(), set()
            for portion in response.streaming_content:
                for event in events_of(response["X-Request-ID"]):
                    seen |= patients_of(event)
                if b"LOT-QXJ" in portion:
                    shown |= {each.pk for each in world.trial.patients.all() if each.code.encode() in portion}
                    assert shown <= seen
        assert len(shown) > 1

    def test_a_file_that_is_broken_off_recorded_what_was_sent(self, world, monkeypatch):
        """AUD-08: the record does not wait for the end of the file."""
        monkeypatch.setattr("trials.blinding.treatment_reads.PORTION", 1)
        with blinding.undone():
            response = build.client(world.staff["inspector"]).get(f"{world.home}infusions/?format=csv")
            pieces = iter(response.streaming_content)
            while b"QXJ" not in next(pieces):
                continue
            assert events_of(response["X-Request-ID"]).exists()


def test_the_matrix_names_every_page_that_is_read_here():
    """AUD-08: a page is left out only if it cannot be opened with GET, or is a file that has no rows."""
    opened = {name for name, (see, _change) in TRIAL_PAGES.items() if see is not None}
    assert len(trial_patterns()) > 100
    assert opened - set(trial_patterns()) <= {
        "patients:file", "reports:profile", "reports:notices-count", "documents:file", "laboratories:template",
        "patients:sample-labels", "dosing:bag-label", "dosing:certificate", "dosing:lot-labels", "dosing:kit-label",
        "dosing:kits-labels", "exports:cioms", "safety:authority-e2b",
        "reports:safety-review-drawing", "exports:unblinded-e2b",
        "reports:figure-svg", "reports:figure-png", "reports:figure-csv",
    }  # fmt: skip
