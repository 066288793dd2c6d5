"""URLs of the safety room."""

from django.urls import path

from safety import views
from safety.drafts import draft_views
from safety.listing import listing_views

EVENT = "patients/<str:code>/adverse-events/<number:number>/"

app_name = "safety"
urlpatterns = [
    path("adverse-events/", listing_views.listing, name="listing"),
    path("adverse-events/sign/", listing_views.sign, name="sign"),
    path("patients/<str:code>/adverse-events/new/", views.report, name="report"),
    path("patients/<str:code>/adverse-events/new/keep/", draft_views.keep, name="report-keep"),
    path(
        "patients/<str:code>/adverse-events/drafts/<number:number>/discard/",
        draft_views.discard,
        name="draft-discard",
    ),
    path("patients/<str:code>/adverse-events/after-lock/", views.report_after_lock, name="report-after-lock"),
    path(EVENT, views.event, name="event"),
    path(f"{EVENT}amend/", views.amend, name="amend"),
    path(f"{EVENT}sponsor/", views.sponsor, name="sponsor"),
    path(f"{EVENT}error/", views.strike_out, name="strike-out"),
]
