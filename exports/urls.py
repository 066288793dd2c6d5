"""URLs of the exports room."""

from django.urls import path

from exports import views
from exports.authorities import case_views

app_name = "exports"
urlpatterns = [
    path("", views.index, name="index"),
    path("cases/<str:code>/<number:number>/cioms/", case_views.cioms, name="cioms"),
]
