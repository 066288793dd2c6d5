"""Pages for requesting a document, following its progress and downloading it."""

from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import FileResponse, Http404, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from accounts.sessions.kept_forms import sent_or_kept
from audit.export_register import SendingStage, last_scheduled, sent
from exports.document_forms import (
    FORMS,
    AccountabilityForm,
    CasebookForm,
    CopyForm,
    CrfForm,
    DocumentForm,
    VisitReportForm,
    WorksheetPaperForm,
)  # fmt: skip
from exports.document_requests import ask_for
from exports.documents import NEEDED, cancel, may_have, sending_of
from exports.models import Document, documents_storage
from trials.access import TrialRequest, trial_page
from trials.models import Trial
from trials.permissions import Permission as P

SHOWN = 30


# Each kind of document needs a permission of its own, which `ask_for` checks.
@trial_page(see=P.SEE_TRIAL, change=P.SEE_TRIAL)
def documents(request: TrialRequest) -> HttpResponse:
    """Show the documents that this user may request and those requested. A POST requests one."""
    data, is_post = sent_or_kept(request), request.method == "POST"
    posted_form = sent_form(request.trial, data) if data is not None else None
    if is_post and posted_form is not None and posted_form.is_valid():
        row = ask_for(
            access=request.access, save_key=request.POST.get("save_key", ""), **posted_form.arguments()
        )
        return redirect("documents:asked", request.trial.slug, row.pk)
    return render(
        request, "exports/documents.html", _page(request, posted_form), status=422 if is_post else 200
    )


def sent_form(trial: Trial, data: QueryDict) -> DocumentForm:
    """Return the form that was sent. Raises BadRequest for an unknown kind."""
    kind = data.get("kind", "")
    for form in FORMS:
        if kind in form.kinds:
            return form(data, trial=trial)
    raise BadRequest(_("There is no document of this kind."))


def _page(request: TrialRequest, posted_form: DocumentForm | None) -> dict[str, Any]:
    """Return the template context. An invalid form keeps its input. Six queries."""
    access = request.access

    def form(which: type[DocumentForm], **initial: str) -> DocumentForm | None:
        if not access.may(NEEDED[which.kinds[0]]):
            return None
        return (
            posted_form
            if isinstance(posted_form, which)
            else which(None, trial=request.trial, initial=initial)
        )

    rows = Document.objects.readable_by(access).select_related("patient", "protocol", "asked_by", "trial")
    return {
        "save_key": uuid4().hex,
        "casebook": form(CasebookForm, patient=request.GET.get("patient", "")),
        "crf": form(CrfForm),
        "visit_report": form(VisitReportForm),
        "copy": form(CopyForm),
        "accountability": form(AccountabilityForm),
        "worksheet": form(WorksheetPaperForm),
        **_scheduled(request),
        "rows": list(rows[:SHOWN]),
        "masked": request.trial.masked,
    }


def _scheduled(request: TrialRequest) -> dict[str, Any]:
    """Return the notice about copies by schedule for those who may take the copy. At most one query."""
    if not request.access.may(P.TAKE_COPY):
        return {}
    last = last_scheduled(request.trial.pk)
    failed = last is not None and last.detail.get("stage") == SendingStage.ABORTED
    return {"scheduled": last, "scheduled_failed": failed, "scheduled_place": settings.SITE_COPY_DIR}


@trial_page(see=P.SEE_TRIAL)
def document_state(request: TrialRequest, document: UUID) -> HttpResponse:
    """Show the progress of a document, and its file when ready. For htmx, only the fragment."""
    row = readable(request, document)
    fragment = getattr(request, "htmx", False)
    template = "exports/_document_state.html" if fragment else "exports/document.html"
    return render(request, template, {"document": row})


@trial_page(see=P.SEE_TRIAL)
def document_file(request: TrialRequest, document: UUID) -> HttpResponseBase:
    """Send the file to users who may read it, and register the download (PRV-04)."""
    row = readable(request, document)
    may_take = may_have(request.access, row.kind, row.choices)
    if not row.is_there or not may_take or (row.choices.get("files") and not request.access.may(P.SEE_FILES)):
        raise Http404
    storage = documents_storage()
    if not storage.exists(row.file):
        raise Http404
    response = FileResponse(storage.open(row.file), as_attachment=True, filename=row.download_name)
    response["X-Content-Type-Options"] = "nosniff"
    return sent(response, sending_of(row), request=request)


@trial_page(see=None, change=P.SEE_TRIAL)
def document_cancel(request: TrialRequest, document: UUID) -> HttpResponse:
    """Cancel a document that this user may know of, while it is not ready."""
    row = readable(request, document)
    cancel(row=row, by=request.user)
    return redirect("documents:asked", request.trial.slug, row.pk)


def readable(request: TrialRequest, key: UUID) -> Document:
    """Return a document that this user may know of. Raises Http404 for any other (SEC-02)."""
    rows = Document.objects.readable_by(request.access)
    return get_object_or_404(rows.select_related("patient", "protocol", "asked_by", "trial"), pk=key)
