"""A masked trial with its arms exchanged, and all that a person can be shown of it, as bytes (BLD-01 to BLD-03)."""

import hashlib
import html
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Case, F, Value, When
from django.http import HttpResponse
from django.test import Client
from pypdf import PdfReader

from audit.testing import lifted_triggers
from audit.trail import history_model
from dosing.models import AllocationSlot, Preparation, ProductDeviation
from trials.models import Trial

# What may differ between two answers to the same question: tokens, and ids drawn for one request.
DRAWN = (
    (re.compile(rb'(name="csrfmiddlewaretoken" value=")[^"]*'), rb"\1"),
    (re.compile(rb'("X-CSRFToken": ")[^"]*'), rb"\1"),
    (re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"), b"(id)"),
    (re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), b"(key)"),
    # In the manifest: the hash of a file whose rows hold such ids; the rows themselves are compared.
    (re.compile(rb'("sha256": ")[^"]*'), rb"\1"),
)
HEADERS = (
    "Content-Type",
    "Content-Disposition",
    "Content-Language",
    "Location",
    "HX-Trigger",
    "Cache-Control",
)
# Pages of the same kind, of which the first stands for all: a visit or captured form of any patient, a field of it.
ALIKE = (
    (re.compile(r"/patients/[^/]+/visits/[^/]+/"), "/patients/*/visits/*/"),
    (re.compile(r"/patients/[^/]+/logs/"), "/patients/*/logs/"),
    (re.compile(r"/locks/(record|visit|patient)/[0-9]+/"), r"/locks/\1/*/"),
    (re.compile(r"\bfield=.*"), ""),
)
LINK = re.compile(r'(?:href|src|hx-get)="([^"#]*)')

CELLS: dict[str, Any] = {
    "donor_code": "D-QXJ", "lot": "LOT-QXJ-1", "bag": "BAG-QXJ", "viable_cells": Decimal(56_000_000),
    "viability_percent": Decimal("91.37"), "thawed": "2026-03-10T09:11+01:00[Europe/Madrid]",
    "cells_per_kg": Decimal(800_000), "dose_finding": "below", "dose_deviation_reason": "Reason QXJ",
}  # fmt: skip
SALINE: dict[str, Any] = {
    "donor_code": "", "lot": "SALINE-QXJ", "bag": "", "viable_cells": None, "viability_percent": None,
    "thawed": "", "cells_per_kg": None, "dose_finding": "", "dose_deviation_reason": "",
}  # fmt: skip
SHOWN_WITH_THE_PRODUCT = (b"QXJ", b"91.37", b"56000000", b"800000", b"see_treatment")


def swap_arms(trial: Trial) -> None:
    """Give every place of the list the other arm and every bag the other content, in the history too."""
    arms = [arm.code for arm in trial.rules.arms]
    turned = [When(arm=arm, then=Value(other)) for arm, other in zip(arms, arms[1:] + arms[:1], strict=True)]
    with lifted_triggers():
        _move_deviations(trial)
        for slots in (AllocationSlot, history_model(AllocationSlot)):
            slots.objects.filter(trial_id=trial.pk).update(arm=Case(*turned, default=F("arm")))
        for products in (Preparation, history_model(Preparation)):
            rows = products.objects.filter(patient_id__in=trial.patients.values("pk"))
            with_cells = list(rows.exclude(viable_cells=None).values_list(products._meta.pk.name, flat=True))
            without = list(rows.filter(viable_cells=None).values_list(products._meta.pk.name, flat=True))
            rows.filter(pk__in=with_cells).update(**SALINE)
            rows.filter(pk__in=without).update(**CELLS)


def _move_deviations(trial: Trial) -> None:
    """Give the product deviations of each patient with cells to one without, in the history too."""
    products = Preparation.objects.filter(patient__trial=trial).order_by("patient_id")
    with_cells = products.exclude(viable_cells=None).values_list("patient_id", flat=True)
    without = products.filter(viable_cells=None).values_list("patient_id", flat=True)
    for one, other in list(zip(with_cells, without, strict=False)):
        ProductDeviation.objects.filter(patient_id=one).update(patient_id=other)
        past = history_model(ProductDeviation).objects.filter(patient_id=one)
        past.update(patient_id=other, history_patient=other)


def forget_products(trial: Trial) -> None:
    """Leave no product and no place taken, as if the cell laboratory had not worked yet."""
    with lifted_triggers():
        models = (Preparation, ProductDeviation)
        for products in (*map(history_model, models), *models):
            products.objects.filter(patient_id__in=trial.patients.values("pk")).delete()
        for slots in (history_model(AllocationSlot), AllocationSlot):
            slots.objects.filter(trial_id=trial.pk)._raw_delete("default")


@contextmanager
def undone() -> Iterator[None]:
    """Take back everything that was stored inside: two readings start from the same rows and numbers."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    # PostgreSQL goes on counting after a rollback; numbers of rows stand in the export of the trail.
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), apps.get_models()):
            cursor.execute(statement)


def shown(response: HttpResponse) -> bytes:
    """Return status, headers and content of an answer without what is drawn anew for each; a zip file by file."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    if response.get("Content-Type") == "application/zip":
        body = _unzipped(body)
    if response.get("Content-Type") == "application/pdf":
        body = _read(body)
    for pattern, kept in DRAWN:
        body = pattern.sub(kept, body)
    head = "".join(f"{name}: {response[name]}\n" for name in HEADERS if name in response)
    return f"{response.status_code}\n{head}\n".encode() + body


def _unzipped(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return b"\n".join(name.encode() + b"\n" + archive.read(name) for name in archive.namelist())


def _read(data: bytes) -> bytes:
    """Return the text of a PDF and the hash of all its bytes: one tells what differs, the other that nothing does."""
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)
    return f"{text}\n{hashlib.sha512(data).hexdigest()}".encode()


def without_times(page: bytes) -> bytes:
    """Return a page of the trail without when each row was written: PostgreSQL asks its own clock."""
    page = re.sub(rb"(<time [^>]*>)[^<]*", rb"\1", page)
    return re.sub(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*", b"(time)", page)


def crawl(client: Client, urls: Iterable[str]) -> dict[str, bytes]:
    """Return by address what a person is shown there."""
    return {url: shown(client.get(url)) for url in urls}


def walk(client: Client, start: str, *, within: str, also: Iterable[str]) -> dict[str, bytes]:
    """Follow every link from `start` and `also` inside `within`; of pages of the same kind only the first."""
    found, waiting = crawl(client, also), [start]
    seen = {_shape(url) for url in found if "?" not in url}
    while waiting:
        url = waiting.pop(0)
        if (shape := _shape(url)) in seen:
            continue
        seen.add(shape)
        response = client.get(url)
        found[url] = shown(response)
        if response.get("Content-Type", "").startswith("text/html"):
            waiting += [link for link in _links(found[url], url) if link.startswith(within)]
    return found


def _shape(url: str) -> tuple[str, tuple[str, ...]]:
    for pattern, kept in ALIKE:
        url = pattern.sub(kept, url)
    parts = urlsplit(url)
    return parts.path, tuple(sorted(parse_qs(parts.query)))


def _links(page: bytes, at: str) -> Iterator[str]:
    for link in LINK.findall(page.decode()):
        address = html.unescape(link)
        yield urlsplit(at).path + address if address.startswith("?") else address


def differences(before: dict[str, bytes], after: dict[str, bytes]) -> dict[str, tuple[str, str]]:
    """Return by address the first line in which two readings differ; nothing when all bytes are the same."""
    found = {}
    for url in {**before, **after}:
        one, other = before.get(url, b"(not reached)"), after.get(url, b"(not reached)")
        if one != other:
            lines = zip([*one.splitlines(), b""], [*other.splitlines(), b""], strict=False)
            found[url] = next(
                ((a.decode(), b.decode()) for a, b in lines if a != b),
                ("(length)", f"{len(one)} {len(other)}"),
            )
    return found


def read_after(
    trial: Trial, change: Callable[[Trial], None], read: Callable[[], dict[str, bytes]]
) -> dict[str, bytes]:
    """Return a reading made after a change; both are taken back."""
    with undone():
        change(trial)
        return read()


def as_it_is(trial: Trial) -> None:
    """Change nothing."""
