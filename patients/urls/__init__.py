"""Addresses of patients, visits, captured forms, deviations, queries, marks, signatures and locks."""

from django.urls import include, path

from patients.views import bulk, participation, patients, protocol, queries, records, signing, threads, visits

app_name = "patients"
urlpatterns = [
    path("patients/", patients.patients, name="listing"),
    path("patients/screen/", participation.screen, name="screen"),
    path("patients/<str:code>/identity/", participation.identity, name="identity"),
    path("patients/<str:code>/consent/", participation.consent, name="consent"),
    path("patients/<str:code>/consent/capacity/", participation.capacity, name="capacity"),
    path("patients/<str:code>/eligibility/", participation.decide, name="eligibility"),
    path("patients/<str:code>/enrol/", participation.enrol, name="enrol"),
    path("patients/<str:code>/fail/", participation.fail, name="fail"),
    path("patients/<str:code>/end/", participation.end, name="end"),
    path("to-sign/", signing.to_sign, name="to-sign"),
    path("patients/<str:code>/sign/", signing.sign, name="sign"),
    path("patients/<str:code>/sign/casebook/", signing.sign_casebook, name="sign-casebook"),
    path("patients/<str:code>/visits/<str:visit>/sign/", signing.sign_visit, name="sign-visit"),
    path("patients/<str:code>/visits/new/", visits.unscheduled, name="visit-new"),
    path("patients/<str:code>/visits/<str:visit>/", visits.visit, name="visit"),
    path("patients/<str:code>/visits/<str:visit>/hold/", visits.hold, name="visit-hold"),
    path("patients/<str:code>/visits/<str:visit>/miss/", visits.miss, name="visit-miss"),
    path("protocol/", protocol.versions, name="protocol"),
    path("protocol/<str:new>/patients/", protocol.move_patients, name="protocol-move"),
    path("protocol/<str:name>/withdraw/", protocol.withdraw, name="protocol-withdraw"),
    path("protocol/<str:old>/<str:new>/", protocol.compared, name="protocol-difference"),
    path("forms/", records.records, name="forms"),
    path("forms/ask/", bulk.ask_about_forms, name="forms-ask"),
    path("queries/", queries.queries, name="queries"),
    path("queries/close/", queries.close_many, name="queries-close"),
    path("queries/<number:number>/", threads.query, name="query"),
    path("queries/<number:number>/answer/", threads.answer, name="query-answer"),
    path("queries/<number:number>/close/", threads.close, name="query-close"),
    path("queries/<number:number>/reopen/", threads.reopen, name="query-reopen"),
    path("", include("patients.urls.deviations")),
    path("", include("patients.urls.marks")),
    path("", include("patients.urls.locks")),
    path("", include("patients.urls.entry")),
]
