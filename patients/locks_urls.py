"""Addresses of freezing, locking and unlocking."""

from django.urls import path

from patients import locks_views

urlpatterns = [
    path("locks/", locks_views.locks, name="locks"),
    path("locks/requests/<number:number>/", locks_views.decide_unlock, name="unlock-decide"),
    path("locks/<str:level>/<number:key>/", locks_views.lock, name="lock"),
    path("locks/<str:level>/<number:key>/request/", locks_views.request_unlock, name="unlock-request"),
]
