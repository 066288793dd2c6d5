"""Generate requested documents: with the requester's rights, after a seal, registered with their hash (CTL-03)."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.utils import timezone, translation

from accounts.models import User
from audit.context import acting, set_role
from audit.export_register import Channel, Sending, SendingStage
from audit.sealing import seals
from audit.sealing.seal_files import SealBroken
from audit.stored_text import Text, system_text
from exports.background import sending_of_request, write_export
from exports.document_makers import MAKERS
from exports.investigator_copy import write_investigator_copy
from exports.models import STALLED_AFTER, Document, documents_storage
from exports.paper.audience import Audience
from exports.paper.casebook import write_casebook, write_casebooks
from exports.paper.crf import write_crf
from exports.paper.product_papers import write_accountability_log, write_worksheet
from exports.paper.typesetting import MOST_BYTES, Making, NotPrinted
from exports.paper.visit_report import write_visit_report
from exports.recorder import Cancelled, Recorder
from trials.access import Access, access_to
from trials.models import ProtocolVersion, Trial
from trials.permissions import Permission as P

Kind, State = Document.Kind, Document.State
# Permission that each document needs: the one that its content needs on the pages.
NEEDED = {
    Kind.CASEBOOK: P.SEE_TRAIL,
    Kind.CASEBOOKS: P.SEE_TRAIL,
    Kind.BLANK_CRF: P.SEE_TRIAL,
    Kind.ANNOTATED_CRF: P.SEE_TRIAL,
    Kind.VISIT_REPORT: P.SEE_TRAIL,
    Kind.INVESTIGATOR_COPY: P.TAKE_COPY,
    Kind.EXPORT: P.EXPORT,
    Kind.ACCOUNTABILITY_LOG: P.SEE_TREATMENT,
    Kind.WORKSHEET: P.SEE_TREATMENT,
    # Each pack needs a right of its own too: `Maker.may`.
    Kind.PACK: P.SEE_TRIAL,
}


HOLDS_DATA = {
    Kind.CASEBOOK, Kind.CASEBOOKS, Kind.VISIT_REPORT, Kind.INVESTIGATOR_COPY, Kind.ACCOUNTABILITY_LOG, Kind.WORKSHEET,
    Kind.EXPORT, Kind.PACK,
}  # fmt: skip
Progress = Callable[[int], None]
Choices = Mapping[str, Any]


class Maker(Protocol):
    """How a room above makes the documents of a kind. choices: those of the request (`Document.choices`)."""

    def may(self, access: Access, choices: Choices) -> bool:
        """Return whether this person may have it."""

    def holds_treatment(self, access: Access, choices: Choices) -> bool:
        """Return whether it shows this person anything that the arms differ by."""

    def write(self, copy: "Copy", out: Path, progress: Progress, most: int | None) -> str:
        """Write the file and return the SHA-256 of its data. Raises NotPrinted."""


def maker_of(kind: str) -> Maker | None:
    """Return who makes a kind of document in a room above; None for the kinds of this room."""
    make = MAKERS.get(kind)
    return make() if make is not None else None


@dataclass(frozen=True)
class Copy:
    """A document to be written: its kind, patients and readers. `by` is a text."""

    kind: str
    audience: Audience
    codes: list[str]
    by: str
    title: Text
    protocol: ProtocolVersion | None = None
    infusion: int | None = None
    since: date | None = None
    until: date | None = None
    access: Access | None = None
    choices: Choices = field(default_factory=dict)

    @property
    def holds_data(self) -> bool:
        """Return whether the document contains patient data."""
        return self.kind in HOLDS_DATA

    @property
    def treatment(self) -> bool:
        """Return whether the document holds the treatment."""
        maker = maker_of(self.kind)
        if maker is not None and self.access is not None:
            return maker.holds_treatment(self.access, self.choices)
        return self.audience.sees_treatment and self.holds_data


def write(copy: Copy, out: Path, progress: Progress = lambda done: None, most: int | None = None) -> str:
    """Write the file in the language of its audience and return the SHA-256 of its data.

    Raises NotPrinted if that fails.
    """
    with translation.override(copy.audience.language):
        return _write(copy, out, progress, most)


def _write(copy: Copy, out: Path, progress: Progress, most: int | None) -> str:
    if (maker := maker_of(copy.kind)) is not None:
        return maker.write(copy, out, progress, most)
    at = timezone.now()
    making = Making(at=at, at_words=copy.audience.instant(at), by=copy.by)
    arguments: dict[str, Any] = {"audience": copy.audience, "making": making, "out": out}
    match copy.kind:
        case Kind.CASEBOOK:
            return write_casebook(codes=copy.codes, progress=progress, most_bytes=most, **arguments)
        case Kind.CASEBOOKS:
            return write_casebooks(codes=copy.codes, progress=progress, **arguments)
        case Kind.INVESTIGATOR_COPY:
            return write_investigator_copy(codes=copy.codes, progress=progress, **arguments)
        case Kind.BLANK_CRF | Kind.ANNOTATED_CRF:
            return write_crf(protocol=copy.protocol, annotated=copy.kind == Kind.ANNOTATED_CRF, **arguments)
        case Kind.ACCOUNTABILITY_LOG:
            return write_accountability_log(**arguments)
        case Kind.WORKSHEET:
            return write_worksheet(code=copy.codes[0], number=copy.infusion or 0, **arguments)
        case Kind.VISIT_REPORT:
            return write_visit_report(since=copy.since, until=copy.until, **arguments)
    raise ValueError(f"Unknown kind of document: {copy.kind}")


def register(row: Document, stage: str, **told: Any) -> None:
    """Record in the register of exports that a document was requested, made or downloaded (CTL-03)."""
    sending_of(row).record(stage, **told)


def sending_of(row: Document) -> Sending:
    """Return a requested document as an entry of the register."""
    if row.kind == Kind.EXPORT:
        return replace(sending_of_request(row), stage=SendingStage.TAKEN)
    return _sending(
        row.trial,
        row.kind,
        row.title,
        treatment=row.treatment,
        patient_id=row.patient_id,
        choices=row.choices,
    )


def register_copy(copy: Copy, **told: Any) -> None:
    """Record in the register of exports that a command wrote a document (CTL-03)."""
    trial, choices = copy.audience.trial, copy.choices
    sending = _sending(trial, copy.kind, copy.title, treatment=copy.treatment, choices=choices)
    sending.record(SendingStage.FINISHED, **told)


def _sending(
    trial: Trial, kind: str, title: Text, *, treatment: bool, choices: Choices, patient_id: int | None = None
) -> Sending:
    return Sending(
        channel=Channel.COPY if kind == Kind.INVESTIGATOR_COPY else Channel.DOCUMENT,
        trial_id=trial.pk,
        patient_id=patient_id,
        purpose=title,
        treatment=treatment,
        told={
            "format": kind,
            **_pack_told(choices),
        },
        # A blinded user must not even learn that a document with the treatment exists.
        see=str(P.SEE_TREATMENT) if trial.masked and treatment else "",
        stage=SendingStage.TAKEN,
    )


def _pack_told(choices: Choices) -> dict[str, str]:
    """Return the pack with its moment and, if one was chosen, its interval."""
    if "pack" not in choices:
        return {}
    days = [choices.get(name) or "…" for name in ("first", "last")]
    interval = {"interval": "/".join(days)} if choices.get("first") or choices.get("last") else {}
    return {"pack": choices["pack"], "as_of": choices.get("as_of", ""), **interval}


def make(key: str) -> None:
    """Generate the document with this id, with the requester's present rights.

    An error is stored and shown on the document's page. Does nothing if another worker has begun.
    """
    row = Document.objects.select_related("trial__protocol", "patient", "protocol", "asked_by").get(pk=key)
    if not _begin(row):
        return
    with (
        # `_make` sets the role from the requester's present rights.
        acting(user=row.asked_by, system="documents", role="", origin="task"),
        translation.override(row.language),
    ):
        try:
            _make(row)
        except Cancelled:
            # The row says so already, and an export has registered that it was broken off.
            return
        except (NotPrinted, SealBroken) as refused:
            _fail(row, refused.args[0])
        except Exception:
            # The page shows this; raising again makes the worker log the traceback.
            _fail(row, system_text("document.broke"))
            raise


def _begin(row: Document) -> bool:
    # One conditional UPDATE: if two workers get the same task, only one of them changes the row.
    waiting = Document.objects.filter(pk=row.pk, state=State.WAITING)
    return bool(waiting.update(state=State.WORKING, touched_at=timezone.now(), progress=1))


def _make(row: Document) -> None:
    access = access_to(user=row.asked_by, slug=row.trial.slug)
    if access is None or not row.asked_by.is_active or not may_have(access, row.kind, row.choices):
        raise NotPrinted(system_text("document.no_right"))
    set_role(access.role.code)
    with TemporaryDirectory() as folder, Recorder(row) as progress:
        out = Path(folder) / f"document.{row.extension}"
        row.treatment = treatment_in(access, row.kind, row.choices)
        if row.kind == Kind.EXPORT:
            write_export(row, access, out, progress)
            data_sha256 = ""
        else:
            seals.seal(reason="document")
            data_sha256 = write(copy_of(row, access), out, progress, MOST_BYTES)
        with out.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            name = documents_storage().save(f"{row.trial.slug}/{row.pk}.{row.extension}", File(file))
        if not _finish(row, name, out.stat().st_size, sha256, data_sha256):
            documents_storage().delete(name)


def may_have(access: Access, kind: str, choices: Choices) -> bool:
    """Return whether a person may have a document of this kind now."""
    maker = maker_of(kind)
    return access.may(NEEDED[Kind(kind)]) and (maker is None or maker.may(access, choices))


def treatment_in(access: Access, kind: str, choices: Choices) -> bool:
    """Return whether a document of this kind holds the treatment for this person now."""
    maker = maker_of(kind)
    if maker is not None:
        return maker.holds_treatment(access, choices)
    return access.sees_treatment and kind in HOLDS_DATA


def copy_of(row: Document, access: Access) -> Copy:
    """Return the copy to write, blinded like its requester is now. One query for all patients."""
    codes = [row.patient.code] if row.patient else codes_of(row.trial)
    return Copy(
        kind=row.kind,
        audience=Audience.of(access, row.language),
        codes=codes,
        by=f"{row.asked_by.full_name} ({row.asked_by.get_username()})",
        title=row.title,
        protocol=row.protocol,
        infusion=row.infusion,
        since=row.since,
        until=row.until,
        access=access,
        choices=row.choices,
    )


def codes_of(trial: Trial) -> list[str]:
    """Return the subject codes of a trial in order."""
    return list(trial.patients.order_by("number").values_list("code", flat=True))


@transaction.atomic
def _finish(row: Document, name: str, size: int, sha256: str, data_sha256: str) -> bool:
    """Store the file and return True, unless the document was cancelled meanwhile."""
    now = timezone.now()
    row.state, row.progress, row.file, row.size, row.sha256 = State.READY, 100, name, size, sha256
    row.finished_at = row.touched_at = now
    if not Document.objects.select_for_update().filter(pk=row.pk, state=State.WORKING).exists():
        return False
    row.save()
    if row.kind != Kind.EXPORT:
        # An export registers its end itself, with its rows.
        register(row, SendingStage.FINISHED, sha256=sha256, data_sha256=data_sha256, size=size)
    return True


def cancel(*, row: Document, by: User) -> bool:
    """Cancel a document that waits or is being made; the worker stops within seconds. Return False if it had ended."""
    waiting = Document.objects.filter(pk=row.pk, state__in=(State.WAITING, State.WORKING))
    with transaction.atomic():
        now = timezone.now()
        cancelled = bool(waiting.update(state=State.CANCELLED, finished_at=now, touched_at=now))
        if cancelled:
            register(row, SendingStage.CANCELLED, cancelled_by=by.pk)
    return cancelled


def _fail(row: Document, error: Text) -> None:
    Document.objects.filter(pk=row.pk).update(
        state=State.FAILED, error=error, finished_at=timezone.now(), touched_at=timezone.now()
    )


def forget(*, now: datetime) -> tuple[int, int]:
    """Delete expired files and mark stalled documents as failed. Return the number of each."""
    old = now - timedelta(hours=settings.DOCUMENTS_KEPT_HOURS)
    storage, forgotten = documents_storage(), 0
    for row in Document.objects.filter(state=State.READY, finished_at__lte=old):
        # Before the row is changed: if this fails, the row still names the file and the next run deletes it.
        storage.delete(row.file)
        forgotten += Document.objects.filter(pk=row.pk).update(state=State.FORGOTTEN, touched_at=now)
    stalled = Document.objects.filter(state=State.WORKING, touched_at__lte=now - STALLED_AFTER)
    error = system_text("document.stalled")
    return forgotten, stalled.update(state=State.FAILED, error=error, finished_at=now, touched_at=now)
