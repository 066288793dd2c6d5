"""The export register: every file that leaves the system, by whichever channel, with its hash (PRV-04).

A channel calls `sent` with its response, or `registered` with the bytes that it writes itself. The register is kept as
access events, so it is sealed with the trail: one event when the sending begins, one when a stream has ended or was
broken off, with the size and the SHA-256 of what was sent until then.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db import models
from django.http import HttpRequest
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext_lazy as _

from audit import events
from audit.context import acting_as, current_actor
from audit.models import AccessEvent
from audit.stored_text import Text


class Channel(models.TextChoices):
    """Way by which data leave the system."""

    LISTING = "listing", _("Listing as CSV")
    TRAIL = "trail", _("Audit trail as CSV")
    ACCESS = "access", _("List of access as CSV")
    STUDY = "study", _("Data of the study")
    DOCUMENT = "document", _("Document")
    COPY = "copy", _("Copy of the investigator")
    FILE = "file", _("Attached file")
    DRAWING = "drawing", _("Drawing of a patient")
    FIGURE = "figure", _("Figure of the trial")
    CALENDAR = "calendar", _("Calendar file")
    TEMPLATE = "template", _("File to fill in")
    LABELS = "labels", _("Labels to print")


class SendingStage(models.TextChoices):
    """The last step that a sending reached."""

    STARTED = "started", _("Not finished")
    TAKEN = "taken", _("Downloaded")
    FINISHED = "finished", _("Sent whole")
    ABORTED = "aborted", _("Broken off")
    CANCELLED = "cancelled", _("Cancelled")


# Kinds of events that are entries of the register. A file that is read is one event, not two.
KINDS = (events.AccessKind.EXPORTED, events.AccessKind.FILE_SEEN, events.AccessKind.CALENDAR_READ)
Response = TypeVar("Response", bound=HttpResponseBase)


@dataclass(frozen=True, kw_only=True)
class Sending:
    """One sending: by which channel, what it is for, whether it holds what a masked trial hides, and more.

    person: who asked, if it is not the actor. treatment: whether the reader knows the treatment. told: kind, filter and
    counts. see: permission that is needed to know of this sending at all. stage: of the first event of a stream.
    counts: filled while a stream is sent, and kept with its end.
    """

    channel: Channel
    trial_id: int
    treatment: bool
    told: dict[str, Any]
    purpose: Text = ""
    person: Any = None
    patient_id: int | None = None
    see: str = ""
    kind: str = events.AccessKind.EXPORTED
    stage: SendingStage = SendingStage.STARTED
    counts: dict[str, int] = field(default_factory=dict)

    def record(self, stage: str, *, request: HttpRequest | None = None, **told: Any) -> AccessEvent:
        """Store one event of the register."""
        purpose = {"purpose": self.purpose} if self.purpose else {}
        detail = {
            **purpose,
            **self.told,
            "channel": self.channel.value,
            "treatment": self.treatment,
            "stage": str(stage),
            **told,
        }
        return events.record(
            kind=self.kind,
            user=self.person,
            trial_id=self.trial_id,
            patient_id=self.patient_id,
            detail=detail,
            request=request,
            see=self.see,
        )

    def ended(self, start: AccessEvent, stage: str, **told: Any) -> AccessEvent:
        """Store how a sending ended, for the entry with which it began."""
        return events.record(
            kind=events.AccessKind.EXPORT_ENDED,
            user=self.person,
            trial_id=self.trial_id,
            patient_id=self.patient_id,
            detail={
                "channel": self.channel.value,
                "stage": str(stage),
                **self.counts,
                **told,
                "started_as": start.pk,
            },
            see=self.see,
        )


class HashedStream:
    """The pieces of a stream, hashed as they are sent; the end, or the breaking off, is registered.

    It runs after the request has ended, so it keeps the actor of the request.
    """

    def __init__(self, pieces: Iterable[bytes], sending: Sending, start: AccessEvent) -> None:
        self._source = pieces
        self._pieces = iter(pieces)
        self._sending, self._start = sending, start
        self._actor = current_actor()
        self._whole, self._size, self._open = hashlib.sha256(), 0, True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            piece = next(self._pieces)
        except StopIteration:
            self._end(SendingStage.FINISHED)
            raise
        except Exception:
            self._end(SendingStage.ABORTED)
            raise
        self._whole.update(piece)
        self._size += len(piece)
        return piece

    def close(self) -> None:
        """End the stream; the server calls it, also when the reader has gone away."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()
        self._end(SendingStage.ABORTED)

    def _end(self, stage: SendingStage) -> None:
        if not self._open:
            return
        self._open = False
        with acting_as(self._actor):
            self._sending.ended(self._start, stage, sha256=self._whole.hexdigest(), size=self._size)


def sent(response: Response, sending: Sending, *, request: HttpRequest) -> Response:
    """Register a response that sends a file, and return it. A stream is hashed while it is sent."""
    if isinstance(response, StreamingHttpResponse):
        start = sending.record(sending.stage, request=request)
        pieces: Any = response.streaming_content
        response.streaming_content = HashedStream(pieces, sending, start)
        return response
    registered(response.getvalue(), sending, request=request)
    return response


def registered(content: bytes, sending: Sending, *, request: HttpRequest | None = None) -> AccessEvent:
    """Register bytes that are sent whole, with their size and hash."""
    sha256 = hashlib.sha256(content).hexdigest()
    return sending.record(SendingStage.FINISHED, request=request, sha256=sha256, size=len(content))


def last_scheduled(trial_id: int, stage: str = "") -> AccessEvent | None:
    """Return the entry of the last copy of the investigator by schedule, of one stage or any. One query."""
    rows = AccessEvent.objects.filter(trial_id=trial_id, kind=events.AccessKind.EXPORTED)
    if stage:
        rows = rows.filter(detail__stage=str(stage))
    return rows.filter(detail__channel=Channel.COPY.value, detail__scheduled=True).order_by("-pk").first()


def failed_copy(trial_id: int) -> AccessEvent | None:
    """Return the entry of the last copy by schedule if it could not be written. One query."""
    last = last_scheduled(trial_id)
    return last if last is not None and last.detail.get("stage") == SendingStage.ABORTED.value else None


def untaken_exports(trial_id: int, user_id: int, since: datetime) -> list[tuple[str, datetime]]:
    """Return (key of the request, made at) of the exports that were made for a person, who took none of them yet.

    One query, two if there are any.
    """
    mine = AccessEvent.objects.filter(
        trial_id=trial_id, user_id=user_id, kind=events.AccessKind.EXPORTED, at__gt=since,
        detail__channel=Channel.STUDY.value, detail__document__isnull=False,
    )  # fmt: skip
    made = mine.filter(detail__stage=SendingStage.FINISHED.value).order_by("pk")
    found = [(event.detail["document"], event.at) for event in made]
    if not found:
        return []
    rows = mine.filter(detail__stage=SendingStage.TAKEN.value)
    taken = {event.detail["document"] for event in rows}
    return [(key, at) for key, at in found if key not in taken]
