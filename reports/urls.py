"""URLs of the reports room."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from reports.calendar import views as calendar_views
from reports.casebook import views as casebook_views
from reports.closed_report import views as closed_report_views
from reports.closing import views as closing_views
from reports.edit_checks import views as check_views
from reports.events import course_views, group_views, review_views
from reports.holds import views as hold_views
from reports.home import views as home_views
from reports.incidents import views as incident_views
from reports.look_back import views as look_back_views
from reports.notices import views as notice_views
from reports.outcomes import views as outcome_views
from reports.own_questions import views as question_views
from reports.packs import views as pack_views
from reports.patient_lists import views as list_views
from reports.product_history import views as product_history_views
from reports.quality import listing
from reports.redactions import erasures as erasure_views
from reports.redactions import views as redaction_views
from reports.search import views as search_views
from reports.study_figures import views as figure_views
from reports.treatment_knowledge import views as treatment_views


class SubjectCode(StringConverter):
    """A subject code. Excludes `patients/screen/`, which is a page."""

    regex = r"(?!screen/)[^/]+"


register_converter(SubjectCode, "subject")

app_name = "reports"
urlpatterns = [
    path("", home_views.home, name="home"),
    path("patients/<subject:code>/", casebook_views.casebook, name="casebook"),
    path("patients/<subject:code>/profile.svg", casebook_views.download, name="profile"),
    path("outcomes/", outcome_views.outcomes, name="outcomes"),
    path("figures/", figure_views.figures, name="figures"),
    path("figures/<str:figure>/", figure_views.figure, name="figure"),
    path("figures/<str:figure>/figure.svg", figure_views.svg, name="figure-svg"),
    path("figures/<str:figure>/figure.png", figure_views.png, name="figure-png"),
    path("figures/<str:figure>/data.csv", figure_views.csv, name="figure-csv"),
    path("adverse-events/groups/", group_views.groups, name="event-groups"),
    path("adverse-events/grades/", course_views.grades, name="event-grades"),
    path("patients/<subject:code>/safety-review/", review_views.review, name="safety-review"),
    path("patients/<subject:code>/safety-review.svg", review_views.download, name="safety-review-drawing"),
    path("quality/", listing.listing, name="quality"),
    path("quality/ask/", listing.ask, name="quality-ask"),
    path("own-questions/", question_views.questions, name="own-questions"),
    path("own-questions/new/", question_views.new, name="own-question-new"),
    path("own-questions/<str:log>/<int:number>/", question_views.answers, name="own-question"),
    path("own-questions/<str:log>/<int:number>/change/", question_views.change, name="own-question-change"),
    path("own-questions/<str:log>/<int:number>/retire/", question_views.retire, name="own-question-retire"),
    path("own-questions/<str:log>/<int:number>/ask/", question_views.ask, name="own-question-ask"),
    path("lists/consent/", list_views.first_procedure, name="first-procedure"),
    path("lists/reconsent/", list_views.consent_due, name="consent-due"),
    path("lists/entry/", list_views.entry_delay, name="entry-delay"),
    path("lists/changes/", list_views.changes, name="changes"),
    path("edit-checks/<str:version>/", check_views.edit_checks, name="edit-checks"),
    path("lock/", closing_views.show, name="checklist"),
    path("calendar/", calendar_views.calendar, name="calendar"),
    path("patients/<subject:code>/calendar/", calendar_views.of_patient, name="patient-calendar"),
    path("notices/", notice_views.notices, name="notices"),
    path("notices/count/", notice_views.count, name="notices-count"),
    path("search/", search_views.search, name="search"),
    path("redactions/", redaction_views.redactions, name="redactions"),
    path("redactions/<int:number>/", redaction_views.redaction, name="redaction"),
    path("redactions/<str:table>/<int:entry>/", redaction_views.redaction_ask, name="redaction-ask"),
    path("erasures/", erasure_views.erasures, name="erasures"),
    path("erasures/new/", erasure_views.erasure_new, name="erasure-new"),
    path("erasures/<int:number>/", erasure_views.erasure, name="erasure"),
    path("problems/", incident_views.problems, name="problems"),
    path("problems/new/", incident_views.problem_new, name="problem-new"),
    path("problems/review/", incident_views.problem_review, name="problem-review"),
    path("problems/<int:number>/", incident_views.problem, name="problem"),
    path("holds/", hold_views.holds, name="holds"),
    path("holds/new/", hold_views.hold_new, name="hold-new"),
    path("holds/<int:number>/", hold_views.hold, name="hold"),
    path(
        "patients/<subject:code>/treatment-holds/<int:number>/",
        hold_views.treatment_hold,
        name="treatment-hold",
    ),
    path("look-back/lots/<int:number>/", look_back_views.of_lot, name="look-back-lot"),
    path("look-back/donors/<int:number>/", look_back_views.of_donor, name="look-back-donor"),
    path("closed-report/", closed_report_views.report, name="closed-report"),
    path("reports/", pack_views.packs, name="packs"),
    path(
        "product-history/<str:kind>/<int:number>/",
        product_history_views.history,
        name="product-history",
    ),
    path("treatment-known/", treatment_views.treatment_known, name="treatment-known"),
]
