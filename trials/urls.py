"""URLs of the list of trials."""

from django.urls import path

from trials import views

app_name = "trials"
urlpatterns = [
    path("", views.choose, name="choose"),
]
