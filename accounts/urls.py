"""URLs of the user's own account. Of django-allauth only what is used: no sign-up, no e-mail."""

from allauth.account import views as sign_in
from django.urls import include, path

from accounts import views

urlpatterns = [
    path("login/", sign_in.login, name="account_login"),
    path("logout/", sign_in.logout, name="account_logout"),
    path("inactive/", sign_in.account_inactive, name="account_inactive"),
    path("confirm/", sign_in.reauthenticate, name="account_reauthenticate"),
    path("password/", sign_in.password_change, name="account_change_password"),
    path("factors/", include("allauth.mfa.urls")),
    path("profile/", views.profile, name="account_profile"),
    path("theme/", views.theme, name="account_theme"),
    path("language/", views.language, name="account_language"),
    path("session/", views.session, name="account_session"),
    path("sessions/end/", views.end_sessions, name="account_end_sessions"),
]
