"""Addresses of the pre-screening log."""

from django.urls import path

from patients.views.site_logs import prescreening as views

urlpatterns = [
    path("pre-screening/", views.prescreening, name="prescreening"),
    path("pre-screening/new/", views.add, name="prescreening-new"),
    path("pre-screening/<number:number>/correct/", views.correct, name="prescreening-correct"),
    path("pre-screening/<number:number>/strike-out/", views.strike_out, name="prescreening-strike"),
]
