"""The private address of a calendar, outside the trials: a calendar program does not sign in."""

from django.urls import path

from reports.calendar import views

urlpatterns = [path("<str:secret>/trial.ics", views.file, name="calendar-file")]
