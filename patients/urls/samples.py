"""Addresses of samples, their tubes and their shipments."""

from django.urls import path

from patients.views.sample_pages import sample_steps, samples, shipments, storage

OF_PATIENT = "patients/<str:code>/samples/"
SAMPLE = f"{OF_PATIENT}<number:number>/"
STORAGE = "samples/storage/"
SHIPMENT = "shipments/<number:number>/"

urlpatterns = [
    path("samples/", samples.samples, name="samples"),
    path("samples/scan/", samples.scan, name="sample-scan"),
    path(STORAGE, storage.excursions, name="storage-excursions"),
    path(f"{STORAGE}new/", storage.record, name="storage-excursion-new"),
    path(f"{STORAGE}<number:number>/", storage.excursion, name="storage-excursion"),
    path(f"{STORAGE}<number:number>/evaluate/", storage.evaluate, name="storage-excursion-evaluate"),
    path(OF_PATIENT, samples.of_patient, name="patient-samples"),
    path(f"{OF_PATIENT}new/", sample_steps.add, name="sample-new"),
    path(f"{OF_PATIENT}not-collected/", sample_steps.not_collected, name="sample-not-collected"),
    path(SAMPLE, samples.sample, name="sample"),
    path(f"{SAMPLE}labels/", samples.labels, name="sample-labels"),
    path(f"{SAMPLE}correct/", sample_steps.correct, name="sample-correct"),
    path(f"{SAMPLE}strike-out/", sample_steps.strike_out, name="sample-strike"),
    path(f"{SAMPLE}handle/", sample_steps.handle, name="sample-handle"),
    path(f"{SAMPLE}movements/<number:movement>/reverse/", sample_steps.reverse_step, name="sample-reverse"),
    path("shipments/", shipments.shipments, name="shipments"),
    path("shipments/new/", shipments.ship, name="shipment-new"),
    path(SHIPMENT, shipments.shipment, name="shipment"),
    path(f"{SHIPMENT}receive/", shipments.receive, name="shipment-receive"),
    path(f"{SHIPMENT}correct/", shipments.correct, name="shipment-correct"),
]
