"""URLs of the users of a trial."""

from django.urls import path

from trials.people import access_views, approval_views, invitation_views, second_person_views, views

app_name = "accounts"
urlpatterns = [
    path("", views.people, name="people"),
    path("access/", access_views.access, name="access"),
    path("access/reviews/", access_views.reviews, name="access-reviews"),
    path("access/reviews/new/", access_views.review_new, name="access-review-new"),
    path("access/reviews/<number:pk>/", access_views.review, name="access-review"),
    path("add/", invitation_views.add, name="add"),
    path("delegate/", invitation_views.delegate, name="delegate"),
    path("invitations/<number:pk>/withdraw/", invitation_views.withdraw, name="withdraw"),
    path("invitations/<number:pk>/renew/", invitation_views.renew, name="renew"),
    path("codes/<number:pk>/", second_person_views.hand_over, name="hand-over"),
    path("recoveries/<number:pk>/", second_person_views.recovery, name="recovery"),
    path("<number:pk>/", views.person, name="person"),
    path("<number:pk>/role/", views.add_role, name="add-role"),
    path("<number:pk>/role/<number:delegation>/end/", views.end_role, name="end-role"),
    path("<number:pk>/role/<number:delegation>/approve/", approval_views.role, name="approve-role"),
    path(
        "<number:pk>/role/<number:delegation>/confirm/", second_person_views.confirm_role, name="confirm-role"
    ),
    path("<number:pk>/confirm/", second_person_views.confirm, name="confirm"),
    path("<number:pk>/identity/", views.identity, name="identity"),
    path("<number:pk>/deactivate/", views.deactivate, name="deactivate"),
    path("<number:pk>/reactivate/", views.reactivate, name="reactivate"),
    path("<number:pk>/password/", invitation_views.password, name="password"),
    path("<number:pk>/factors/", views.remove_factors, name="remove-factors"),
]
