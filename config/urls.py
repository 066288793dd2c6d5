"""URLs: one prefix per trial, then the URLs of each application."""

from django.urls import include, path
from django.views.generic import RedirectView

handler400 = "config.storable_text.bad_request"
handler500 = "config.unavailable.server_error"

trial_pages = [
    path("", include("reports.urls")),
    path("", include("patients.urls")),
    path("", include("dosing.urls")),
    path("", include("safety.urls")),
    path("exports/", include("exports.urls")),
    path("documents/", include("exports.document_urls")),
    path("register/", include("exports.register_urls")),
    path("trail/", include("reports.audit_trail.urls")),
    path("laboratories/", include("trials.laboratories.urls")),
    path("people/", include("trials.people.urls")),
    path("system/", include("operation.system_urls")),
    path("training/", include("trials.people.training_urls")),
]

urlpatterns = [
    path("", RedirectView.as_view(url="/trials/", permanent=False), name="start"),
    path("", include("operation.urls")),
    path("accounts/", include("accounts.urls")),
    path("calendar/", include("reports.calendar.urls")),
    path("trials/", include("trials.urls")),
    path("trials/<slug:slug>/", include(trial_pages)),
]
