"""URLs of the reports room."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from reports.calendar import views as calendar_views
from reports.casebook import views as casebook_views
from reports.closing import views as closing_views
from reports.home import views as home_views
from reports.notices import views as notice_views
from reports.quality import listing
from reports.search import views as search_views


class SubjectCode(StringConverter):
    """A subject code. Excludes `patients/screen/`, which is a page."""

    regex = r"(?!screen/)[^/]+"


register_converter(SubjectCode, "subject")

app_name = "reports"
urlpatterns = [
    path("", home_views.home, name="home"),
    path("patients/<subject:code>/", casebook_views.casebook, name="casebook"),
    path("patients/<subject:code>/profile.svg", casebook_views.download, name="profile"),
    path("quality/", listing.listing, name="quality"),
    path("quality/ask/", listing.ask, name="quality-ask"),
    path("lock/", closing_views.show, name="checklist"),
    path("calendar/", calendar_views.calendar, name="calendar"),
    path("patients/<subject:code>/calendar/", calendar_views.of_patient, name="patient-calendar"),
    path("notices/", notice_views.notices, name="notices"),
    path("notices/count/", notice_views.count, name="notices-count"),
    path("search/", search_views.search, name="search"),
]
