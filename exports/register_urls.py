"""URL of the export register."""

from django.urls import path

from exports.register_page import register

app_name = "register"
urlpatterns = [path("", register, name="listing")]
