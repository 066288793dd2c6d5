"""Blinded roles cannot tell the arms apart by anything that the application shows.

Each test reads everything twice, with the arms as allocated and with the arms exchanged, and requires the same bytes.

Two things are spared, so that every role can read everything:

- A page whose statements all find the same rows after the exchange is not made again: what makes a page knows the arm
  by a row only (`tests/support/pages/recalled.py`). Whatever reads a place of the list, a product, a result or a row
  that depends on one, be it to show it, to count, to sort or to offer a choice, finds another row and is made again.
  As the coordinator and the data manager every page is made in both arms, on each engine.
- The links of a listing carry sets of parameters: a sort order beside a filter, as a page or as a file. These two roles
  open every set. The others open each page without a parameter and with each one that a link has, alone or beside
  others, and each format of a file. An order of rows, a count or the choices of a filter that would tell a role more
  than these two tell it with one parameter as with two; its columns and choices are those of its own pages.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import time_machine
from django.db import transaction

from dosing.allocation.slots import arm_of
from dosing.models import Preparation, ProductDeviation
from exports.paper import typesetting
from patients.models import Deviation
from reports.packs.registry import PACKS
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages import blinding
from tests.support.pages.recalled import Browser
from tests.support.study.bedside import NOW
from tests.support.study.masked_trial import also, infusion_of, masked_trial
from tests.support.trail_clock import trail_now
from trials.permissions import Permission
from trials.roles import KNOWING, ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]

BLINDED = sorted(code for code in ROLES if code not in KNOWING)
AT_THE_BEDSIDE = "coordinator"
# Together they open every kind of page that a blinded person can read.
ON_EACH_ENGINE = (AT_THE_BEDSIDE, "data_manager")
LOGS = (Deviation, ProductDeviation)
UNBLINDED = sorted(code for code, role in ROLES.items() if Permission.SEE_TREATMENT in role.permissions)
BOARD = "data_monitoring_board"


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker) -> Iterator[SimpleNamespace]:
    """A masked trial, made once for the tests that the same process runs; each takes back what it stores."""
    with django_db_blocker.unblock(), time_machine.travel(NOW, tick=False), transaction.atomic():
        made = masked_trial()
        made.moment = trail_now()
        yield made
        transaction.set_rollback(True)


def everything(world, client: Browser) -> dict[str, bytes]:
    """Return all linked pages, with every parameter of each, the guessed addresses and the export."""
    return walked(world, client, blinding.EachParameterOnce())


def in_full(world, client: Browser) -> dict[str, bytes]:
    """Return what `everything` returns, with every set of parameters that a link has."""
    return walked(world, client, None)


def walked(world, client: Browser, seen) -> dict[str, bytes]:
    found = blinding.walk(client, world.home, within=world.home, also=also(world.trial), seen=seen)
    found["POST exports/"] = blinding.shown(client.post(f"{world.home}exports/", {"purpose": "Reading"}))
    return found


def as_odm(world, client: Browser) -> dict[str, bytes]:
    """Return what a role gets of each ODM file, by its format."""
    address, found = f"{world.home}exports/", {}
    for each in ("odm", "odm-transactions", "odm2-metadata"):
        answer = client.post(address, {"purpose": "Reading", "format": each})
        # Who may not export is refused, the same in both arms.
        made = client.get(f"{answer['Location']}file/") if answer.status_code == 302 else answer
        assert made.status_code == (200 if answer.status_code == 302 else 403)
        found[each] = blinding.shown(made)
    return found


def on_paper(world, client: Browser) -> dict[str, bytes]:
    """Return the documents of all patients, requested and downloaded through the pages, and these pages."""
    found = {}
    for kind in ("casebook", "visit_report"):
        fields = {"kind": kind, "since": "01-Mar-2026", "until": "30-Mar-2026"}
        address = client.post(f"{world.home}documents/", fields)["Location"]
        found |= {
            kind: blinding.shown(client.get(address)),
            f"{kind}.pdf": blinding.shown(client.get(f"{address}file/")),
        }
        assert found[f"{kind}.pdf"].startswith(b"200"), found[kind].decode()
    # The clock stands still, so two documents have no order.
    listed = b"\n".join(sorted(blinding.shown(client.get(f"{world.home}documents/")).splitlines()))
    return {**found, "list": listed}


def as_packs(world, client: Browser) -> dict[str, bytes]:
    """Return the report packs of a moment, as far as the role may have them, and the page on which they are asked "
    "for."""
    found, moment = {}, world.moment.isoformat()
    for code in PACKS:
        answer = client.post(f"{world.home}reports/", {"pack": code, "as_of": moment})
        found[code] = str(answer.status_code).encode()
        if answer.status_code == 302:
            found[f"{code}.pdf"] = blinding.shown(client.get(f"{answer['Location']}file/"))
            assert found[f"{code}.pdf"].startswith(b"200"), code
    listed = b"\n".join(sorted(blinding.shown(client.get(f"{world.home}reports/")).splitlines()))
    return {**found, "list": listed}


def own_copy(world, client: Browser) -> dict[str, bytes]:
    """Return the files of the investigator's copy by name, with their sizes; hashes of hidden rows are left out."""
    address = client.post(f"{world.home}documents/", {"kind": "investigator_copy"})["Location"]
    answer = client.get(f"{address}file/")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        found = {each.filename: archive.read(each) for each in archive.infolist()}
        papers = {name: data for name, data in found.items() if name.endswith(".pdf")}
        sizes = "\n".join(f"{each.filename} {each.file_size}" for each in archive.infolist())
    found = {name: blinding.without_drawn(content) for name, content in found.items()}
    heads = re.compile(rb"[0-9a-f]{64}")
    found = {name: heads.sub(b"(hash)", content) for name, content in found.items()}
    # By text and hash of all bytes: three letters stand by chance in a compressed drawing.
    found |= {name: blinding.read_pdf(data) for name, data in papers.items()}
    return {**found, "sizes": sizes.encode(), "name": answer["Content-Disposition"].encode()}


def browser_of(world, role: str) -> Browser:
    """Return the browser in which a role reads before and after a change."""
    return Browser(build.client(world.staff[role]))


def read_in(world, browser: Browser, change, read) -> dict[str, bytes]:
    """Return by address what is read in a browser after a change. The change is undone."""
    browser.begin()
    return blinding.read_after(world.trial, change, lambda: read(world, browser))


def told_apart(world, role: str, change, read, *, recalls: bool = True) -> dict[str, tuple[str, str]]:
    """Return by address the differences that a role reads after a change."""
    browser = browser_of(world, role)
    browser.recalls = recalls
    before, after = (read_in(world, browser, made, read) for made in (blinding.as_it_is, change))
    return blinding.differences(before, after)


def words_of_the_product(pages: dict[str, bytes]) -> list[tuple[str, bytes]]:
    """Return the pages that contain a word of a product. Search pages are left out: they repeat the search term."""
    read = {url: page for url, page in pages.items() if "/search/" not in url}
    return [
        (url, word) for url, page in read.items() for word in blinding.SHOWN_WITH_THE_PRODUCT if word in page
    ]


@pytest.mark.long
@pytest.mark.parametrize("role", each_engine_or_one(BLINDED, on_each=ON_EACH_ENGINE))
def test_every_page_is_the_same_to_the_byte_whatever_the_arms_and_the_laboratory(world, role):
    """BLD-01, BLD-02, BLD-03, AUD-15: pages, tables, trail, search, export and refusals, for every blinded role.

    At the bedside neither a place of the list nor the presence of a product can be seen.
    """
    whole = role in ON_EACH_ENGINE
    browser, read = browser_of(world, role), in_full if whole else everything
    before = read_in(world, browser, blinding.as_it_is, read)
    assert words_of_the_product(before) == []
    # As one of these roles, nothing is recalled: this shows that recalling the others' answers is right.
    browser.recalls = not whole
    assert blinding.differences(before, read_in(world, browser, blinding.swap_arms, read)) == {}
    browser.recalls = True
    if role == AT_THE_BEDSIDE:
        assert blinding.differences(before, read_in(world, browser, blinding.forget_products, read)) == {}


@pytest.mark.long
@pytest.mark.one_engine
def test_the_board_is_shown_nothing_of_a_patient_by_which_the_arms_differ(world):
    """BLD-01: of all its pages only the closed report depends on the arm, and no word of a product is in any."""
    browser = browser_of(world, BOARD)
    before = read_in(world, browser, blinding.as_it_is, everything)
    assert words_of_the_product(before) == []
    after = read_in(world, browser, blinding.swap_arms, everything)
    told = {url for url in blinding.differences(before, after) if "closed-report" not in url}
    assert told == set()
    assert any("closed-report" in url for url in before)


@pytest.mark.one_engine
@pytest.mark.parametrize("role", ["investigator", "principal_investigator"])
def test_the_copy_of_the_investigator_does_not_depend_on_the_arm(world, role):
    """BLD-01, CTL-01: neither its files nor their names and sizes; only heads of seals cover hidden rows."""
    browser = browser_of(world, role)
    before = read_in(world, browser, blinding.as_it_is, own_copy)
    assert words_of_the_product(before) == []
    assert any(name.startswith("casebooks/") for name in before)
    assert blinding.differences(before, read_in(world, browser, blinding.swap_arms, own_copy)) == {}


@pytest.mark.one_engine
@pytest.mark.parametrize("role", BLINDED)
def test_odm_is_the_same_to_the_byte_when_the_arms_are_exchanged(world, role):
    """BLD-01, BLD-02, BLD-03: data, every change with its audit record, and definitions, with and without a product."""
    browser = browser_of(world, role)
    before = read_in(world, browser, blinding.as_it_is, as_odm)
    assert words_of_the_product(before) == []
    for change in (blinding.swap_arms, blinding.forget_products):
        assert blinding.differences(before, read_in(world, browser, change, as_odm)) == {}


@pytest.mark.usefixtures("one_clock")
def test_odm_for_those_who_may_know_distinguishes_the_arms(world):
    """Proves that the test above would find a difference."""
    read = read_in(world, browser_of(world, "statistician"), blinding.as_it_is, as_odm)
    assert b"LOT-QXJ-1" in read["odm"]
    assert b"FO.STUDY.allocation" in read["odm2-metadata"]
    assert "odm" in told_apart(world, "statistician", blinding.swap_arms, as_odm)


@pytest.mark.one_engine
@pytest.mark.parametrize("role", BLINDED)
def test_documents_are_the_same_to_the_byte_when_the_arms_are_exchanged(world, role):
    """BLD-01, BLD-02, BLD-03: the casebook with its trail and the visit report, as text and as bytes."""
    browser = browser_of(world, role)
    before = read_in(world, browser, blinding.as_it_is, on_paper)
    assert words_of_the_product(before) == []
    assert b"Infusion 1" in before["casebook.pdf"]
    assert blinding.differences(before, read_in(world, browser, blinding.swap_arms, on_paper)) == {}


@pytest.mark.one_engine
def test_a_casebook_set_in_pieces_is_the_same_to_the_byte_when_the_arms_are_exchanged(world, monkeypatch):
    """BLD-01, BLD-03: where a large casebook is divided does not tell the arm either."""
    monkeypatch.setattr(typesetting, "WHOLE_BYTES", 0)
    monkeypatch.setattr(typesetting, "PART_BYTES", 16_000)
    browser = browser_of(world, "monitor")
    before = read_in(world, browser, blinding.as_it_is, on_paper)
    assert b"Infusion 1" in before["casebook.pdf"]
    assert blinding.differences(before, read_in(world, browser, blinding.swap_arms, on_paper)) == {}
    told = told_apart(world, "statistician", blinding.swap_arms, on_paper)
    assert "casebook.pdf" in told


@pytest.mark.one_engine
@pytest.mark.parametrize("role", BLINDED)
def test_report_packs_are_the_same_to_the_byte_whatever_the_arms_and_the_laboratory(world, role):
    """BLD-01, BLD-02, OUT-23: tables and figures, and which of them a role may have."""
    browser = browser_of(world, role)
    before = read_in(world, browser, blinding.as_it_is, as_packs)
    assert words_of_the_product(before) == []
    assert (before["dsmb-closed"], before["final"]) == (b"403", b"302")
    for change in (blinding.swap_arms, blinding.forget_products):
        assert blinding.differences(before, read_in(world, browser, change, as_packs)) == {}


@pytest.mark.parametrize("role", ["statistician", BOARD])
def test_only_the_closed_report_distinguishes_the_arms(world, role):
    """OUT-23: it proves that the test above would find a difference; who knows the arms gets pooled tables too."""
    told = told_apart(world, role, blinding.swap_arms, as_packs)
    assert set(told) == {"dsmb-closed.pdf"}


def test_the_paper_of_those_who_may_know_distinguishes_the_arms(world):
    """Proves that the test above would find a difference."""
    read = read_in(world, browser_of(world, "statistician"), blinding.as_it_is, on_paper)
    assert b"LOT-QXJ-1" in read["casebook.pdf"]


@pytest.mark.parametrize("role", UNBLINDED)
def test_the_reading_itself_can_distinguish_the_arms(world, role):
    """Proves that the tests above would find a difference: an unblinded role reads another product."""
    found = set(told_apart(world, role, blinding.swap_arms, read=pages_with_products))
    assert found == set(pages_with_products(world, browser_of(world, role)))


def pages_with_products(world, client: Browser) -> dict[str, bytes]:
    home, code = world.home, world.treated[0].code
    bedside_page = f"{home}patients/{code}/infusions/1/"
    pages = ("infusions/", "infusions/?format=csv", "allocation/", "allocation/?format=csv", "product-deviations/",
             "product-deviations/?format=csv")  # fmt: skip
    return blinding.crawl(
        client, [bedside_page, f"{bedside_page}preparation/", *(home + page for page in pages)]
    )


class TestWriting:
    """The steps of a blinded person get the same answers, and store the same visible data, in both arms."""

    def amend(self, world, client: Browser) -> dict[str, bytes]:
        """Correct the weight of every treated patient, so that a dose is computed again; then read the pages."""
        found = {}
        for patient in world.treated:
            address = f"{world.home}patients/{patient.code}/infusions/1/"
            fields = {
                "version": infusion_of(patient).version, "weight_kg": "72.5", "weight_measured": "10-Mar-2026 08:00",
                "weight_confirmation": "Read again", "started": "10-Mar-2026 10:00", "ended": "10-Mar-2026 10:30",
                "volume_ml": "100", "interrupted": "N", "premedication": "None", "tolerated": "Y",
                "reason": "other",
                "reason_text": "Misread",
            }  # fmt: skip
            found[f"POST {address}"] = blinding.shown(client.post(address, fields))
            assert found[f"POST {address}"].startswith(b"302"), found[f"POST {address}"].decode()[:3000]
            found |= blinding.crawl(client, [address, f"{world.home}trail/?patient={patient.code}"])
        return {url: blinding.without_times(page) for url, page in found.items()}

    def test_amending_a_weight_reveals_nothing_of_the_dose(self, world):
        """BLD-03, CEL-18: a dose that leaves the range by the amendment is explained by the laboratory."""
        told = told_apart(world, "coordinator", blinding.swap_arms, read=self.amend, recalls=False)
        assert told == {}
        told = told_apart(world, "coordinator", blinding.forget_products, read=self.amend, recalls=False)
        assert told == {}

    @pytest.mark.parametrize("role", each_engine_or_one(BLINDED))
    def test_a_product_cannot_be_written_or_tried_out_in_either_arm(self, world, role):
        """SEC-01: 403 before anything is looked up, with a product and without."""

        def post(world, client: Browser) -> dict[str, bytes]:
            rows = [
                f"{world.home}patients/{patient.code}/infusions/1/"
                for patient in (*world.treated, world.ready)
            ]
            pages = [f"{row}preparation/{page}" for row in rows for page in ("", "dose/")]
            return {
                page: blinding.shown(client.post(page, {"viable_cells": "70", "version": "2"}))
                for page in pages
            }

        with blinding.undone():
            assert {page[:3] for page in post(world, browser_of(world, role)).values()} == {b"403"}
        assert told_apart(world, role, blinding.swap_arms, read=post) == {}
        assert told_apart(world, role, blinding.forget_products, read=post) == {}


def test_the_world_has_a_patient_treated_in_each_arm(world):
    assert [arm_of(patient).cells for patient in world.treated] == [True, False]
    assert Preparation.objects.count() == 3
    in_logs = [[log.objects.filter(patient=each).count() for each in world.treated] for log in LOGS]
    assert in_logs == [[2, 2], [2, 0]]
    with blinding.undone():
        blinding.swap_arms(world.trial)
        assert [ProductDeviation.objects.filter(patient=each).count() for each in world.treated] == [0, 2]
        assert [arm_of(patient).cells for patient in world.treated] == [False, True]
    assert [arm_of(patient).cells for patient in world.treated] == [True, False]
