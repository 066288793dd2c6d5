"""Addresses of infusions, preparations, product deviations and the allocation list."""

from django.urls import path

from dosing import deviation_views, listing_views, product_views, views

INFUSION = "patients/<str:code>/infusions/<number:number>/"
DEVIATION = "patients/<str:code>/product-deviations/<number:number>/"

app_name = "dosing"
urlpatterns = [
    path("infusions/", listing_views.listing, name="listing"),
    path("allocation/", listing_views.allocation, name="allocation"),
    path(INFUSION, views.infusion, name="infusion"),
    path(f"{INFUSION}weight/", views.weight, name="weight"),
    path(f"{INFUSION}not-given/", views.not_given, name="not-given"),
    path(f"{INFUSION}preparation/", product_views.preparation, name="preparation"),
    path(f"{INFUSION}preparation/dose/", product_views.dose, name="dose"),
    path("product-deviations/", deviation_views.listing, name="product-deviations"),
    path("patients/<str:code>/product-deviations/new/", deviation_views.new, name="product-deviation-new"),
    path(DEVIATION, deviation_views.deviation, name="product-deviation"),
    path(f"{DEVIATION}classify/", deviation_views.classify, name="product-deviation-classify"),
    path(f"{DEVIATION}amend/", deviation_views.amend, name="product-deviation-amend"),
    path(f"{DEVIATION}strike-out/", deviation_views.strike_out, name="product-deviation-strike"),
]
