"""Addresses of the patients room."""

from django.urls import include, path

from patients import (
    bulk_views,
    listing_views,
    protocol_views,
    query_views,
    record_views,
    signing_views,
    thread_views,
    views,
    visit_views,
)

app_name = "patients"
urlpatterns = [
    path("patients/", listing_views.patients, name="listing"),
    path("patients/screen/", views.screen, name="screen"),
    path("patients/<str:code>/identity/", views.identity, name="identity"),
    path("patients/<str:code>/consent/", views.consent, name="consent"),
    path("patients/<str:code>/consent/capacity/", views.capacity, name="capacity"),
    path("patients/<str:code>/eligibility/", views.decide, name="eligibility"),
    path("patients/<str:code>/enrol/", views.enrol, name="enrol"),
    path("patients/<str:code>/fail/", views.fail, name="fail"),
    path("patients/<str:code>/end/", views.end, name="end"),
    path("to-sign/", signing_views.to_sign, name="to-sign"),
    path("patients/<str:code>/sign/", signing_views.sign, name="sign"),
    path("patients/<str:code>/sign/casebook/", signing_views.sign_casebook, name="sign-casebook"),
    path("patients/<str:code>/visits/<str:visit>/sign/", signing_views.sign_visit, name="sign-visit"),
    path("patients/<str:code>/visits/new/", visit_views.unscheduled, name="visit-new"),
    path("patients/<str:code>/visits/<str:visit>/", visit_views.visit, name="visit"),
    path("patients/<str:code>/visits/<str:visit>/hold/", visit_views.hold, name="visit-hold"),
    path("patients/<str:code>/visits/<str:visit>/miss/", visit_views.miss, name="visit-miss"),
    path("protocol/", protocol_views.versions, name="protocol"),
    path("protocol/<str:new>/patients/", protocol_views.move_patients, name="protocol-move"),
    path("protocol/<str:old>/<str:new>/", protocol_views.compared, name="protocol-difference"),
    path("forms/", record_views.records, name="forms"),
    path("forms/ask/", bulk_views.ask_about_forms, name="forms-ask"),
    path("queries/", query_views.queries, name="queries"),
    path("queries/close/", query_views.close_many, name="queries-close"),
    path("queries/<number:number>/", thread_views.query, name="query"),
    path("queries/<number:number>/answer/", thread_views.answer, name="query-answer"),
    path("queries/<number:number>/close/", thread_views.close, name="query-close"),
    path("queries/<number:number>/reopen/", thread_views.reopen, name="query-reopen"),
    path("", include("patients.marks_urls")),
    path("", include("patients.locks_urls")),
    path("", include("patients.entry_urls")),
]
