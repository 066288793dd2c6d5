"""The list of the figures of a trial, the page of one figure, and its files."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import events
from audit.export_register import Channel, Sending, sent
from reports.study_figures.contract import Drawing, DrawnFigure, FigureView, StudyFigure
from reports.study_figures.files import csv_rows, png_file, png_is_made_here, svg_file
from reports.study_figures.registry import figure_of, offered_to
from reports.study_figures.shown import ShownTable
from trials.access import TrialRequest, role_refused, trial_page
from trials.blinding.unblinded_files import LINE, marked_name, marked_rows, sentence
from trials.listing.lines import csv_lines
from trials.listing.page import counted
from trials.permissions import Permission as P
from trials.reader import in_english, reader_language


@trial_page(see=P.SEE_TRIAL)
def figures(request: TrialRequest) -> HttpResponse:
    """List the figures that this reader may see."""
    return render(request, "reports/figures.html", {"figures": offered_to(request.access)})


@trial_page(see=P.SEE_TRIAL)
def figure(request: TrialRequest, figure: str) -> HttpResponse:
    """Show one figure with its data table, methods and files."""
    found = _figure_of(request, figure)
    view = _view_of(request, found)
    drawn = found.draw(view)
    marked = _marked(request, drawn)
    if marked:
        _record_reading(request)
    context = {
        "figure": found,
        "drawn": drawn,
        "choices": found.choices(request.trial.rules),
        "chosen": view.chosen,
        "table": ShownTable(drawn.table),
        "warning": sentence() if marked else "",
        "png": png_is_made_here(),
    }
    return render(request, "reports/figure.html", context)


@trial_page(see=P.SEE_TRIAL)
def svg(request: TrialRequest, figure: str) -> HttpResponse:
    """Send a drawing as SVG; `?drawing=NAME` chooses one of several."""
    found, drawn, drawing = _drawing_of(request, figure)
    stamp = LINE if _marked(request, drawn) else ""
    content = svg_file(drawing.figure, title=_title_of(found, drawing), stamp=stamp).encode()
    return _file(request, found, drawn, drawing, content, "svg", "image/svg+xml")


@trial_page(see=P.SEE_TRIAL)
def png(request: TrialRequest, figure: str) -> HttpResponse:
    """Send a drawing as PNG with 300 dots per inch; 503 where the typesetter is not installed."""
    found, drawn, drawing = _drawing_of(request, figure)
    if not png_is_made_here():
        told = _(
            "This installation makes no PNG. Take the SVG, or ask who runs the installation to add typst."
        )
        return HttpResponse(told, status=503, content_type="text/plain; charset=utf-8")
    stamp = LINE if _marked(request, drawn) else ""
    content = png_file(drawing.figure, title=_title_of(found, drawing), stamp=stamp)
    return _file(request, found, drawn, drawing, content, "png", "image/png")


@trial_page(see=P.SEE_TRIAL)
def csv(request: TrialRequest, figure: str) -> HttpResponseBase:
    """Send the data behind a figure as CSV: in English, with codes and plain numbers for every reader."""
    found = _figure_of(request, figure)
    view = _view_of(request, found)
    drawn = found.draw(view)
    marked, counts = _marked(request, drawn), {"rows": 0}
    rows = in_english(lambda: csv_rows(drawn.table))
    lines = csv_lines([*marked_rows(marked=marked), *counted(rows, counts)])
    name = marked_name(f"{_stem(found, view.chosen)}.csv", marked=marked)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)
    return sent(response, _sending(request, drawn, name, counts), request=request)


def _view_of(request: TrialRequest, found: StudyFigure) -> FigureView:
    """Return for whom and of what a figure is drawn. Raises Http404 for a choice that the figure does not have."""
    values = [each.value for each in found.choices(request.trial.rules)]
    chosen = request.GET.get("of") if values else ""
    if chosen is None and (opening := found.opening(request.trial)) is not None:
        chosen = opening.value
    if values and chosen not in values:
        raise Http404
    return FigureView(request.access, reader_language(), timezone.now(), chosen or "")


def _stem(found: StudyFigure, chosen: str, drawing: str = "") -> str:
    """Return the name of a file without its ending: the figure, what it was drawn for, and the drawing of several."""
    return "-".join(filter(None, [found.key, chosen.replace(".", "-").replace("_", "-"), drawing]))


def _figure_of(request: TrialRequest, key: str) -> StudyFigure:
    """Return a figure of the trial. Raises Http404 if there is none, PermissionDenied without its right."""
    found = figure_of(request.trial.rules, key)
    if found is None:
        raise Http404
    if not request.access.may(found.see):
        refused: PermissionDenied = role_refused(request.access, found.see)
        raise refused
    return found


def _drawing_of(request: TrialRequest, key: str) -> tuple[StudyFigure, DrawnFigure, Drawing]:
    """Return a figure and the drawing of it that the address names. Raises Http404 if there is no such drawing."""
    found = _figure_of(request, key)
    drawn = found.draw(_view_of(request, found))
    drawing = drawn.drawing(request.GET.get("drawing", ""))
    if drawing is None:
        raise Http404
    return found, drawn, drawing


def _title_of(found: StudyFigure, drawing: Drawing) -> str:
    return f"{found.title}: {drawing.title}" if drawing.title != str(found.title) else drawing.title


def _marked(request: TrialRequest, drawn: DrawnFigure) -> bool:
    return request.trial.masked and drawn.treatment


def _record_reading(request: TrialRequest) -> None:
    # Counts by arm fetch no row of the allocation, by which a reading would be noticed.
    events.record(
        kind=events.AccessKind.TREATMENT_SEEN,
        trial_id=request.trial.pk,
        detail={"page": request.path},
        request=request,
        see=P.SEE_TREATMENT,
    )


def _file(
    request: TrialRequest, found: StudyFigure, drawn: DrawnFigure, drawing: Drawing, content: bytes, ending: str,
    content_type: str,
) -> HttpResponse:  # fmt: skip
    """Return a drawing as a file, entered in the export register."""
    several = len(drawn.drawings) > 1
    stem = _stem(found, _view_of(request, found).chosen, drawing.name if several else "")
    name = marked_name(f"{stem}.{ending}", marked=_marked(request, drawn))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    response = HttpResponse(content, content_type=content_type, headers=headers)
    return sent(response, _sending(request, drawn, name), request=request)


def _sending(
    request: TrialRequest, drawn: DrawnFigure, name: str, counts: dict[str, int] | None = None
) -> Sending:
    marked = _marked(request, drawn)
    return Sending(
        channel=Channel.FIGURE,
        trial_id=request.trial.pk,
        treatment=marked,
        see=str(P.SEE_TREATMENT) if marked else "",
        told={"file": name},
        counts=counts if counts is not None else {},
    )
