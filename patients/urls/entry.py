"""Addresses of captured forms: at a visit, and in the numbered rows of a log."""

from django.urls import URLPattern, path

from patients.views import ask, entry, files, live_checks, logs

AT_VISIT = "patients/<str:code>/visits/<str:visit>/<str:form>/"
IN_LOG = "patients/<str:code>/logs/<str:form>/<number:repeat>/"
PAGES = (
    ("", entry.form, ""),
    ("check/", live_checks.check, "-check"),
    ("keep/", live_checks.keep, "-keep"),
    ("discard/", live_checks.discard, "-discard"),
    ("query/", ask.ask, "-query"),
    ("strike-out/", logs.strike, "-strike"),
)

urlpatterns: list[URLPattern] = [
    path("patients/<str:code>/files/<str:attachment>/", files.file, name="file"),
    path("patients/<str:code>/logs/<str:form>/", logs.logs, name="logs"),
    *(path(f"{AT_VISIT}{end}", view, name=f"form{suffix}") for end, view, suffix in PAGES),
    *(path(f"{IN_LOG}{end}", view, name=f"log{suffix}") for end, view, suffix in PAGES),
]
