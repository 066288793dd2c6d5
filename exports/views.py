"""The export page."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.sessions.kept_forms import sent_or_kept
from audit import events
from audit.events import AccessKind
from audit.models import AccessEvent
from audit.sealing.seal_files import SealBroken
from audit.stored_text import Text
from audit.system_texts import actor_words
from exports.document_requests import ask_for_export
from exports.export_form import ExportForm
from exports.exporting import export, tables_of
from exports.formats.registry import DEFAULT, FORMATS
from exports.models import Document
from exports.selection import ChosenRows
from trials.access import TrialRequest, trial_page
from trials.blinding.unblinded_files import holds_treatment, marked_name
from trials.permissions import Permission as P


@trial_page(see=P.EXPORT, change=P.EXPORT)
def index(request: TrialRequest) -> HttpResponseBase:
    """Show the content of an export and the earlier exports. A POST sends the file, or asks the worker for it."""
    form = ExportForm(sent_or_kept(request), trial=request.trial)
    if request.method == "POST" and form.is_valid():
        purpose, code = form.cleaned_data["purpose"], form.cleaned_data["format"] or DEFAULT
        if "background" in request.POST or code not in STREAMED:
            row = ask_for_export(
                access=request.access,
                format_code=code,
                purpose=purpose,
                selection=form.selection,
                save_key=request.POST.get("save_key", ""),
            )
            return redirect("documents:asked", request.trial.slug, row.pk)
        try:
            return download(request, purpose, code, form.selection)
        except SealBroken as broken:
            form.add_error(
                None, _("Nothing was exported: %(reason)s. Call the administrator.") % {"reason": broken}
            )
    sees_treatment = request.access.sees_treatment
    context = {
        "form": form,
        "save_key": uuid4().hex,
        "tables": list(tables_of(request.trial, sees_treatment=sees_treatment)),
        "register": earlier_exports(request),
        "made": made_exports(request),
        "may_see_register": request.access.may(P.SEE_TRAIL),
        "masked": request.trial.masked,
    }
    return render(request, "exports/index.html", context, status=422 if request.method == "POST" else 200)


# Formats that the web process can write while it sends them; the libraries of the others are the worker's.
STREAMED = frozenset({"csv", "dataset-json", "jsonl", "sqlite"})


@dataclass(frozen=True, slots=True)
class RegisteredExport:
    """One line of the export register."""

    at: datetime
    who: str
    purpose: Text
    sha256: str
    damaged: int


def earlier_exports(request: TrialRequest) -> list[RegisteredExport]:
    """Return the latest 20 finished exports that this user may know of."""
    rows = AccessEvent.objects.filter(
        trial_id=request.trial.pk, kind=AccessKind.EXPORTED, detail__stage="finished"
    ).order_by("-pk")
    if request.access.blinded:
        rows = rows.filter(detail__treatment=False)
    return [_registered(event) for event in rows[:20]]


def _registered(event: AccessEvent) -> RegisteredExport:
    detail = events.visible_detail(event, may=())
    who = actor_words(event.full_name or event.user_name)
    # A figure has no purpose of its own: the name of its file says what was taken.
    purpose = detail.get("purpose") or detail.get("file", "")
    return RegisteredExport(event.at, who, purpose, detail.get("sha256", ""), detail.get("damaged", 0))


def made_exports(request: TrialRequest) -> list[Document]:
    """Return the latest exports by the worker that this user may know of."""
    rows = Document.objects.readable_by(request.access).filter(kind=Document.Kind.EXPORT)
    return list(rows.select_related("trial", "asked_by")[:20])


def download(
    request: TrialRequest, purpose: str, format_code: str, selection: ChosenRows
) -> HttpResponse | StreamingHttpResponse:
    """Stream the file. Nothing is stored on the server."""
    trial, now, made_as = request.trial, timezone.now(), FORMATS[format_code]
    pieces = export(
        trial=trial,
        purpose=purpose,
        sees_treatment=request.access.sees_treatment,
        sees_files=request.access.may(P.SEE_FILES),
        by=request.user,
        label=request.user.full_name,
        format_code=format_code,
        selection=selection,
    )
    response = StreamingHttpResponse(pieces, content_type=made_as.content_type)
    name = marked_name(
        f"{trial.slug}-{format_code}-{now:%Y%m%d-%H%M}.{made_as.extension}",
        marked=holds_treatment(request.access),
    )
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
