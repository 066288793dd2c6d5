"""URLs of documents."""

from django.urls import path

from exports import document_views

app_name = "documents"
urlpatterns = [
    path("", document_views.documents, name="listing"),
    path("<uuid:document>/", document_views.document_state, name="asked"),
    path("<uuid:document>/cancel/", document_views.document_cancel, name="cancel"),
    path("<uuid:document>/file/", document_views.document_file, name="file"),
]
