"""A masked trial with its arms exchanged, and all that a person can be shown of it, as bytes (BLD-01 to BLD-03).

The exchange and the reading are those of `manage.py blind_check`; here a PDF is read as text too, and the products can
be forgotten.
"""

import hashlib
import io
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client
from pypdf import PdfReader

from audit.models import Signature
from audit.testing import lifted_triggers
from audit.trail import history_model
from dosing.models import (
    AllocationSlot,
    Bag,
    BagMovement,
    CellBank,
    Donation,
    Donor,
    DonorDecision,
    ExceptionalStep,
    Lot,
    LotCertificate,
    LotDecision,
    LotResult,
    MaskedResult,
    Preparation,
    ProductDeviation,
    WorksheetStep,
)
from operation.blinding import readings
from operation.blinding.readings import differences, read_after, undone, without_drawn
from operation.blinding.swapping import CELLS, SALINE, as_it_is, swap_arms
from tests.support.pages.recalled import Answer
from trials.models import Trial

__all__ = [
    "CELLS",
    "SALINE",
    "SHOWN_WITH_THE_PRODUCT",
    "EachParameterOnce",
    "as_it_is",
    "crawl",
    "differences",
    "forget_products",
    "read_after",
    "shown",
    "swap_arms",
    "undone",
    "walk",
    "without_drawn",
    "without_times",
]

SHOWN_WITH_THE_PRODUCT = (b"QXJ", b"91.37", b"56000000", b"800000", b"see_treatment")


CHAIN = (
    BagMovement, Bag, LotCertificate, LotResult, LotDecision, Lot, CellBank, Donation, DonorDecision, Donor,
)  # fmt: skip
"""The rows of the product chain of a trial, each before what it belongs to."""


def forget_products(trial: Trial) -> None:
    """Leave no product and no place taken, as if the cell laboratory had not worked yet."""
    with lifted_triggers():
        models = (Preparation, ProductDeviation, WorksheetStep, MaskedResult, ExceptionalStep)
        for products in (*map(history_model, models), *models):
            products.objects.filter(patient_id__in=trial.patients.values("pk")).delete()
        for products in CHAIN:
            for rows in (history_model(products), products):
                rows.objects.filter(trial_id=trial.pk)._raw_delete("default")
        Signature.objects.filter(target_type="dosing.lotdecision")._raw_delete("default")
        for slots in (history_model(AllocationSlot), AllocationSlot):
            slots.objects.filter(trial_id=trial.pk)._raw_delete("default")


def read_pdf(data: bytes) -> bytes:
    """Return the text of a PDF and the hash of all its bytes: one tells what differs, the other that nothing does."""
    return f"{_text(data)}\n{hashlib.sha512(data).hexdigest()}".encode()


# Both arms give the same bytes, as a rule: their text is then taken out once.
@lru_cache(maxsize=8)
def _text(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def shown(response: Any) -> bytes:
    """Return what can be compared of an answer; of one that is given again, what it was at first."""
    if not isinstance(response, Answer):
        return readings.shown(response, read_pdf)
    if response.as_shown is None:
        response.as_shown = readings.shown(response, read_pdf)
    return response.as_shown


def crawl(client: Client, urls: Iterable[str]) -> dict[str, bytes]:
    """Return by address what a person is shown there."""
    return readings.crawl(client, urls, show=shown)


class EachParameterOnce(readings.Seen):
    """Kinds of pages: an address is new with a parameter that it was not read with, alone or beside others.

    The formats of a file are parameters of their own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, set[str]] = {}

    def add(self, url: str) -> bool:
        """Note an address that is read; return whether the address or one of its parameters is new."""
        path, names = readings.shape_of(url)
        formats = parse_qs(urlsplit(url).query).get("format", [])
        # The page without any is read too, wherever it comes in the walk.
        said = {*names, *(f"format={each}" for each in formats)} - {"format"} or {""}
        is_new = path not in self._known or not said <= self._known[path]
        self._known.setdefault(path, set()).update(said)
        return is_new


def walk(
    client: Client, start: str, *, within: str, also: Iterable[str], seen: readings.Seen | None = None
) -> dict[str, bytes]:
    """Follow every link; see `operation.blinding.readings.walk`."""
    return readings.walk(client, start, within=within, also=also, show=shown, seen=seen)


def without_times(page: bytes) -> bytes:
    """Return a page of the trail without when each row was written: PostgreSQL asks its own clock."""
    page = re.sub(rb"(<time [^>]*>)[^<]*", rb"\1", page)
    return re.sub(rb"(?:\d{4}-\d\d-\d\d[T ]|\d\d-\w{3}-\d{4} )\d\d:\d\d:\d\d[.\d]*", b"(time)", page)
