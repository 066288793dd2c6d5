"""Addresses of the reports room."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from reports import casebook, closing_views, home, quality_listing, searching


class SubjectCode(StringConverter):
    """A subject code; `patients/screen/` is a page of its own."""

    regex = r"(?!screen/)[^/]+"


register_converter(SubjectCode, "subject")

app_name = "reports"
urlpatterns = [
    path("", home.home, name="home"),
    path("patients/<subject:code>/", casebook.casebook, name="casebook"),
    path("patients/<subject:code>/profile.svg", casebook.download, name="profile"),
    path("quality/", quality_listing.listing, name="quality"),
    path("quality/ask/", quality_listing.ask, name="quality-ask"),
    path("lock/", closing_views.show, name="checklist"),
    path("search/", searching.search, name="search"),
]
