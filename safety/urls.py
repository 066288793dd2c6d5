"""URLs of the safety room."""

from django.urls import path

from safety import draft_views, listing_views, views
from safety.dictionaries import views as dictionaries
from safety.laboratory import views as laboratory
from safety.sae_reports import report_views
from safety.terms import views as terms

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
    path("patients/<str:code>/adverse-events/grades/", terms.grades, name="term-grades"),
    path("coding/", dictionaries.listing, name="coding"),
    path(f"{EVENT}coding/", dictionaries.code, name="code-event"),
    path("laboratory-results/", laboratory.listing, name="laboratory"),
    path("laboratory-results/decide/", laboratory.decide, name="laboratory-decide"),
    path("patients/<str:code>/laboratory-results/", laboratory.of_patient, name="patient-laboratory"),
    path(
        "patients/<str:code>/laboratory-results/<number:pk>/event/",
        laboratory.report,
        name="laboratory-event",
    ),
    path(f"{EVENT}reports/", report_views.reports, name="sae-reports"),
    path(f"{EVENT}reports/sheet/", report_views.sheet, name="sae-sheet"),
    path(f"{EVENT}error/", views.strike_out, name="strike-out"),
]
