"""Addresses of marks: source verification and medical review."""

from django.urls import path

from patients.views.review import mark_lists, marks

urlpatterns = [
    path("verification/", mark_lists.verification, name="verification"),
    path("verification/undone/", mark_lists.undone, name="undone"),
    path("patients/<str:code>/verify/", marks.verify, name="verify"),
    path("patients/<str:code>/verify/withdraw/", marks.withdraw_verification, name="verify-withdraw"),
    path("patients/<str:code>/review/", marks.review, name="review"),
    path("patients/<str:code>/review/withdraw/", marks.withdraw_review, name="review-withdraw"),
]
