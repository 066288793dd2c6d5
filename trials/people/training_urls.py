"""URLs of the training of a trial's people."""

from django.urls import path

from trials.people import training_views

app_name = "training"
urlpatterns = [
    path("", training_views.own, name="own"),
    path("<slug:document>/", training_views.confirm, name="confirm"),
]
