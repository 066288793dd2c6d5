"""Addresses of infusions, preparations and the allocation list."""

from django.urls import path

from dosing import listing_views, product_views, views

INFUSION = "patients/<str:code>/infusions/<number:number>/"

app_name = "dosing"
urlpatterns = [
    path("infusions/", listing_views.listing, name="listing"),
    path("allocation/", listing_views.allocation, name="allocation"),
    path(INFUSION, views.infusion, name="infusion"),
    path(f"{INFUSION}weight/", views.weight, name="weight"),
    path(f"{INFUSION}not-given/", views.not_given, name="not-given"),
    path(f"{INFUSION}preparation/", product_views.preparation, name="preparation"),
    path(f"{INFUSION}preparation/dose/", product_views.dose, name="dose"),
]
