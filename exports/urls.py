"""URLs of the exports room."""

from django.urls import path

from exports import views
from exports.authorities import case_views
from exports.authorities.annual import views as annual_views

app_name = "exports"
urlpatterns = [
    path("", views.index, name="index"),
    path("annual-safety-report/", annual_views.annual, name="annual"),
    path("cases/<str:code>/<number:number>/cioms/", case_views.cioms, name="cioms"),
    path("cases/<str:code>/<number:number>/unblinded/", case_views.unblinded_e2b, name="unblinded-e2b"),
]
