"""Addresses of the general log of deviations."""

from django.urls import path

from patients.views.deviation_log import deviations

OF_PATIENT = "patients/<str:code>/deviations/"
DEVIATION = f"{OF_PATIENT}<number:number>/"

urlpatterns = [
    path("deviations/", deviations.listing, name="deviations"),
    path(OF_PATIENT, deviations.of_patient, name="patient-deviations"),
    path(f"{OF_PATIENT}new/", deviations.new, name="deviation-new"),
    path(DEVIATION, deviations.deviation, name="deviation"),
    path(f"{DEVIATION}classify/", deviations.classify, name="deviation-classify"),
    path(f"{DEVIATION}amend/", deviations.amend, name="deviation-amend"),
    path(f"{DEVIATION}strike-out/", deviations.strike_out, name="deviation-strike"),
]
