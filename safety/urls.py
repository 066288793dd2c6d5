"""URLs of the safety room."""

from django.urls import path

from safety import views
from safety.authority import authority_views, file_views
from safety.course import course_views
from safety.dictionaries import views as dictionaries
from safety.drafts import draft_views
from safety.laboratory import views as laboratory
from safety.listing import listing_views, saving_views
from safety.reconciliation import views as reconciliation
from safety.sae_reports import report_views
from safety.sponsor import case_views
from safety.terms import views as terms

EVENT = "patients/<str:code>/adverse-events/<number:number>/"

app_name = "safety"
urlpatterns = [
    path("adverse-events/", listing_views.listing, name="listing"),
    path("adverse-events/cases/", case_views.cases, name="cases"),
    path("adverse-events/views/new/", saving_views.save_view, name="view-new"),
    path("adverse-events/views/<number:number>/retire/", saving_views.retire, name="view-retire"),
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
    path("reconciliation/", reconciliation.listing, name="reconciliation"),
    path("reconciliation/act/", reconciliation.act, name="reconciliation-act"),
    path("reconciliation/list/", reconciliation.upload, name="reconciliation-list"),
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
    path(f"{EVENT}grade/", course_views.grade, name="grade"),
    path(f"{EVENT}grades/<number:row>/strike-out/", course_views.strike_grade, name="grade-strike"),
    path(f"{EVENT}link/", course_views.link, name="link"),
    path(f"{EVENT}links/<number:row>/strike-out/", course_views.strike_link, name="link-strike"),
    path(f"{EVENT}case/", case_views.case, name="case"),
    path(f"{EVENT}case/<number:clock>/decide/", case_views.decide, name="case-decide"),
    path(f"{EVENT}case/<number:clock>/follow-up/", case_views.follow_up, name="case-follow-up"),
    path(f"{EVENT}authority/", authority_views.authority, name="authority"),
    path(f"{EVENT}authority/answers/", authority_views.answers, name="authority-answers"),
    path(f"{EVENT}authority/terms/", authority_views.term, name="authority-term"),
    path(
        f"{EVENT}authority/terms/<number:row>/take-out/", authority_views.remove, name="authority-term-remove"
    ),
    path(f"{EVENT}authority/send/", authority_views.send, name="authority-send"),
    path(f"{EVENT}authority/acknowledgement/", authority_views.answer, name="authority-answer"),
    path(f"{EVENT}authority/sheet/", file_views.sheet, name="authority-sheet"),
    path(f"{EVENT}authority/e2b/", file_views.e2b, name="authority-e2b"),
]
