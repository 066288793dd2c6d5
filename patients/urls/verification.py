"""Addresses of marks: source verification and medical review."""

from django.urls import path

from patients.views.review import verification_lists, verification_pages

urlpatterns = [
    path("verification/", verification_lists.verification, name="verification"),
    path("verification/undone/", verification_lists.undone, name="undone"),
    path("patients/<str:code>/verify/", verification_pages.verify, name="verify"),
    path(
        "patients/<str:code>/verify/withdraw/",
        verification_pages.withdraw_verification,
        name="verify-withdraw",
    ),
    path("patients/<str:code>/review/", verification_pages.review, name="review"),
    path("patients/<str:code>/review/withdraw/", verification_pages.withdraw_review, name="review-withdraw"),
]
