"""Addresses of captured forms: at a visit, and in the numbered rows of a log."""

from django.urls import URLPattern, path

from patients import asking_views, entry_views, file_views, log_views, typing_views
from patients.models import Record
from patients.navigation import form_address

AT_VISIT = "patients/<str:code>/visits/<str:visit>/<str:form>/"
IN_LOG = "patients/<str:code>/logs/<str:form>/<number:repeat>/"
PAGES = (
    ("", entry_views.form, ""),
    ("check/", typing_views.check, "-check"),
    ("keep/", typing_views.keep, "-keep"),
    ("discard/", typing_views.discard, "-discard"),
    ("query/", asking_views.ask, "-query"),
    ("strike-out/", log_views.strike, "-strike"),
)

urlpatterns: list[URLPattern] = [
    path("patients/<str:code>/files/<str:attachment>/", file_views.file, name="file"),
    path("patients/<str:code>/logs/<str:form>/", log_views.logs, name="logs"),
    *(path(f"{AT_VISIT}{end}", view, name=f"form{suffix}") for end, view, suffix in PAGES),
    *(path(f"{IN_LOG}{end}", view, name=f"log{suffix}") for end, view, suffix in PAGES),
]


def record_address(record: Record, slug: str) -> str:
    """The address of a record's page; reads record.visit and record.patient."""
    return form_address(record.patient, record.form, record.visit, record.repeat, slug=slug)
