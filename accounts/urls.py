"""URLs of the user's own account. Of django-allauth only what is used: no sign-up, no e-mail."""

from allauth.account import views as allauth_views
from django.urls import include, path

from accounts import key_views, views

urlpatterns = [
    path("login/", views.sign_in, name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
    path("inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("confirm/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("password/", allauth_views.password_change, name="account_change_password"),
    path("key/", key_views.halves, name="account_key_halves"),
    path("key/<str:secret>/", key_views.link, name="account_key"),
    path("identity/", key_views.confirmation, name="account_confirmation"),
    path("address/", key_views.address, name="account_address"),
    # Before the package's own page at this address.
    path("factors/webauthn/keys/<int:pk>/remove/", views.remove_passkey, name="mfa_remove_webauthn"),
    path("factors/", include("allauth.mfa.urls")),
    path("profile/", views.profile, name="account_profile"),
    path("theme/", views.theme, name="account_theme"),
    path("language/", views.language, name="account_language"),
    path("notices/", views.notices, name="account_notices"),
    path("session/", views.session, name="account_session"),
    path("sessions/end/", views.end_sessions, name="account_end_sessions"),
]
