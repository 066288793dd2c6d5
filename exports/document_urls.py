"""Addresses of documents."""

from django.urls import path

from exports import document_views

app_name = "documents"
urlpatterns = [
    path("", document_views.documents, name="listing"),
    path("<uuid:key>/", document_views.document, name="asked"),
    path("<uuid:key>/file/", document_views.document_file, name="file"),
]
