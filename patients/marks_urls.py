"""Addresses of marks: source verification and medical review."""

from django.urls import path

from patients import marks_views

urlpatterns = [
    path("verification/", marks_views.verification, name="verification"),
    path("verification/undone/", marks_views.undone, name="undone"),
    path("patients/<str:code>/verify/", marks_views.verify, name="verify"),
    path("patients/<str:code>/verify/withdraw/", marks_views.withdraw_verification, name="verify-withdraw"),
    path("patients/<str:code>/review/", marks_views.review, name="review"),
    path("patients/<str:code>/review/withdraw/", marks_views.withdraw_review, name="review-withdraw"),
]
