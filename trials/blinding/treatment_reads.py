"""An access event for each answer that shows the treatment of a masked trial; without it nothing is sent (AUD-08).

Which rows were fetched tells `audit.restricted_reads`, not the view. A redirect shows nothing and leaves no event.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import chain

from django.db import Error
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string

from audit import events
from audit.context import acting_as, current_actor
from audit.restricted_reads import RestrictedReads, collected
from trials.access import Access, TrialRequest
from trials.permissions import Permission

SEE = Permission.SEE_TREATMENT
# A file is sent in portions of about so many bytes; each is recorded before it leaves.
PORTION = 256 * 1024


class TreatmentReadsMiddleware:
    """Records what of the treatment an answer shows, before it is sent; 500 if that cannot be recorded."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        reads = RestrictedReads()
        with collected(reads):
            response = self.get_response(request)
        if not _concerns(request) or 300 <= response.status_code < 400:
            return response
        # An export is an event of its own, and reads in a transaction that must not be written in.
        if SEE in reads.registered:
            return response
        noted = ReadingNotes(request, reads)  # type: ignore[arg-type]
        try:
            if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
                portions = noted.portions(response)
                # The first portion now: if it cannot be recorded, no header has been sent yet.
                response.streaming_content = chain([next(portions, b"")], portions)
            else:
                noted.record()
        except Error:
            return not_recorded()
        return response


class ReadingNotes:
    """Records the patients about whom one request showed the treatment, each once."""

    def __init__(self, request: TrialRequest, reads: RestrictedReads) -> None:
        self.request, self.reads = request, reads
        self.recorded: set[int | None] = set()

    def record(self) -> None:
        """Store an event about the patients that are new; nothing if there are none."""
        found = self.reads.patients.get(str(SEE), set()) - self.recorded
        opened = _unblinded(self.request)
        if opened is not None and self.request.access.blinded:
            found &= {opened}
        if not found:
            return
        patients = sorted(key for key in found if key is not None)
        detail: dict[str, object] = {"page": self.request.path}
        if patients:
            detail |= {"patients": self._codes(patients), "patient_keys": patients}
        events.record(
            kind=events.AccessKind.TREATMENT_SEEN,
            trial_id=self.request.trial.pk,
            patient_id=patients[0] if len(patients) == 1 else None,
            detail=detail,
            request=self.request,
            see=SEE,
        )
        self.recorded |= found

    def portions(self, response: StreamingHttpResponse) -> Iterator[bytes]:
        """Yield the content of a file; what a portion shows is recorded before it is yielded."""
        actor, content, more = current_actor(), iter(response), True
        while more:
            with acting_as(actor), collected(self.reads):
                pieces, size = list[bytes](), 0
                while size < PORTION and (piece := next(content, None)) is not None:
                    pieces.append(piece)
                    size += len(piece)
                more = size >= PORTION
                self.record()
            yield b"".join(pieces)

    def _codes(self, patients: Collection[int]) -> list[str]:
        rows = self.request.trial.patients.filter(pk__in=patients).order_by("code")
        return list(rows.values_list("code", flat=True))


def show_treatment(request: HttpRequest, patient: int) -> None:
    """Declare that the answer shows the treatment of one patient to a blinded person, who has just unblinded it.

    It is recorded like every other reading; what else the request read for its own work is not.
    """
    request.unblinded_patient = patient  # type: ignore[attr-defined]


def not_recorded() -> HttpResponse:
    """Return the page that says that nothing is shown because reading it could not be recorded."""
    # Without the request: its context would read the database again.
    return HttpResponse(render_to_string("500_not_recorded.html"), status=500)


def _concerns(request: HttpRequest) -> bool:
    """Return True if the reader may know the treatment of a masked trial, or has just unblinded a patient of it."""
    if _unblinded(request) is not None:
        return True
    access: Access | None = getattr(request, "access", None)
    return access is not None and access.trial.masked and access.sees_treatment


def _unblinded(request: HttpRequest) -> int | None:
    """Return the key of the patient whose treatment this request opened; None if it opened none."""
    return getattr(request, "unblinded_patient", None)
