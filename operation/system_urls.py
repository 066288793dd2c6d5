"""URL of the page System."""

from django.urls import path

from operation.system_views import system

app_name = "system"
urlpatterns = [path("", system, name="page")]
