"""URLs of the laboratories of a trial."""

from django.urls import path

from trials.laboratories import views

app_name = "laboratories"
urlpatterns = [
    path("", views.index, name="index"),
    path("add/", views.add, name="add"),
    path("at/<slug:laboratory>/", views.ranges, name="ranges"),
    path("at/<slug:laboratory>/change/", views.change, name="change"),
    path("at/<slug:laboratory>/add/", views.add_range, name="add-range"),
    path("at/<slug:laboratory>/import/", views.load, name="import"),
    path("at/<slug:laboratory>/template.csv", views.template_file, name="template"),
    path("at/<slug:laboratory>/<number:pk>/", views.correct, name="correct"),
    path("at/<slug:laboratory>/<number:pk>/end/", views.end, name="end"),
    path("at/<slug:laboratory>/<number:pk>/strike-out/", views.strike_out, name="strike-out"),
]
