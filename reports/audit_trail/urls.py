"""Address of the trail. The namespace is the room whose data it shows; the page stands above all rooms."""

from django.urls import path

from reports.audit_trail import views

app_name = "audit"
urlpatterns = [path("", views.trail, name="trail")]
