"""Addresses of freezing, locking and unlocking."""

from django.urls import path

from patients.views.review import locks

urlpatterns = [
    path("locks/", locks.locks, name="locks"),
    path("locks/requests/<number:number>/", locks.decide_unlock, name="unlock-decide"),
    path("locks/<str:level>/<number:key>/", locks.lock, name="lock"),
    path("locks/<str:level>/<number:key>/request/", locks.request_unlock, name="unlock-request"),
]
