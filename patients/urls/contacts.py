"""Addresses of the log of contacts."""

from django.urls import path

from patients.views.site_logs import contacts

OF_PATIENT = "patients/<str:code>/contacts/"
CONTACT = f"{OF_PATIENT}<number:number>/"

urlpatterns = [
    path("contacts/", contacts.contacts, name="contacts"),
    path(OF_PATIENT, contacts.of_patient, name="patient-contacts"),
    path(f"{OF_PATIENT}new/", contacts.add, name="contact-new"),
    path(f"{CONTACT}correct/", contacts.correct, name="contact-correct"),
    path(f"{CONTACT}strike-out/", contacts.strike_out, name="contact-strike"),
]
