"""The user's own account (profile, theme, language, sessions), and the answer to a form with a stale CSRF token."""

from typing import Any, cast

from allauth.account.views import LoginView
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import preferences, signing_suspension
from accounts.context import THEME_COOKIE, THEMES
from accounts.models import User
from accounts.sessions import kept_forms, session_limits

YEAR_SECONDS = 365 * 24 * 3600


class SignInView(LoginView):
    """The sign-in page. A refusal is answered with 422, an attempt that comes too early with 429 and the seconds."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again with its refusal."""
        response = super().form_invalid(form)
        if seconds := getattr(self.request, "sign_in_wait", 0):
            response.status_code = 429
            response.headers["Retry-After"] = str(seconds)
        elif response.status_code == 200:
            response.status_code = 422
        return response


sign_in = SignInView.as_view()


class RemovePasskeyView(RemoveWebAuthnView):
    """Remove a passkey, unless it is the last factor of a person whose role needs one."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Remove it, or say why not."""
        adapter = get_adapter()
        if adapter.can_delete_authenticator(self.get_object()):
            return super().form_valid(form)
        messages.error(self.request, adapter.error_messages["cannot_delete_authenticator"])
        return redirect("mfa_list_webauthn")


remove_passkey = RemovePasskeyView.as_view()


@require_safe
@never_cache
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Show the user's own account: roles, second factors, open sessions, display preferences."""
    user = cast(User, request.user)
    factors = Authenticator.objects.filter(user=user)
    context = {
        "delegations": user.delegations.active().select_related("trial__protocol"),
        "totp": factors.filter(type=Authenticator.Type.TOTP).first(),
        "passkeys": factors.filter(type=Authenticator.Type.WEBAUTHN).count(),
        "sessions": UserSession.objects.filter(user=user).order_by("-pk"),
        "notice_mail": User.NoticeMail.choices,
        "session_key": request.session.session_key,
        "suspended": signing_suspension.sentences_for(user),
    }
    return render(request, "account/profile.html", context)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Store the theme in the profile, and in a cookie for the sign-in page."""
    chosen = request.POST.get("theme", "")
    if chosen not in THEMES:
        raise BadRequest(_("There is no such theme."))
    if request.user.is_authenticated:
        preferences.choose_theme(user=request.user, theme=chosen)
    return _with_cookie(_back(request), THEME_COOKIE, chosen)


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Store the language in the profile, and in a cookie for the sign-in page."""
    chosen = request.POST.get("language", "")
    if chosen not in dict(settings.LANGUAGES):
        raise BadRequest(_("There is no such language."))
    if request.user.is_authenticated:
        preferences.choose_language(user=request.user, language=chosen)
    return _with_cookie(_back(request), settings.LANGUAGE_COOKIE_NAME, chosen)


@require_POST
@login_required
def notices(request: HttpRequest) -> HttpResponse:
    """Store whether the user wants notices by mail."""
    chosen = request.POST.get("mail", "")
    if chosen not in User.NoticeMail.values:
        raise BadRequest(_("There is no such choice."))
    preferences.choose_notice_mail(user=cast(User, request.user), mode=chosen)
    messages.success(request, _("Your choice is stored."))
    return redirect("account_profile")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def session(request: HttpRequest) -> HttpResponse:
    """Return the remaining seconds, the user name and a CSRF token as JSON; a POST also records activity.

    The token is for the forms of a page that stayed open while its user signed in again.
    """
    token = get_token(request)
    if not request.user.is_authenticated:
        return JsonResponse({"left": 0, "token": token}, status=401)
    left = session_limits.seconds_left(request.session)
    return JsonResponse({"left": left, "user": request.user.get_username(), "token": token})


@require_POST
@login_required
def end_sessions(request: HttpRequest) -> HttpResponse:
    """End one other session of the user, or all others."""
    if pk := request.POST.get("session", ""):
        rows = UserSession.objects.filter(user_id=request.user.pk).exclude(
            session_key=request.session.session_key
        )
        # A number of more digits fits no key column and would be a server error.
        get_object_or_404(rows, pk=int(pk) if pk.isascii() and pk.isdigit() and len(pk) < 19 else 0).end()
    else:
        session_limits.end_sessions(user=cast(User, request.user), but=request.session.session_key or "")
    messages.success(request, _("The session was ended."))
    return redirect("account_profile")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Restore a form with a stale token, as after signing in again in another tab; refuse any other with 403.

    The form is not processed: the user sees the typed data and sends it again.
    """
    owner = kept_forms.owner_of(request) if request.method == "POST" else None
    if owner is not None and owner == request.user:
        messages.warning(
            request, _("You signed in again after opening this page. Check what you typed and save it again.")
        )
        return HttpResponseRedirect(kept_forms.keep(request=request, user=owner))
    return render(request, "403_csrf.html", status=403)


def _back(request: HttpRequest) -> HttpResponseRedirect:
    address = request.POST.get("next", "")
    # Only URLs of this site: an open redirect would help phishing.
    safe = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(address if safe else settings.LOGIN_REDIRECT_URL)


def _with_cookie(response: HttpResponse, name: str, value: str) -> HttpResponse:
    response.set_cookie(
        name, value, max_age=YEAR_SECONDS, httponly=True, samesite="Lax", secure=settings.PRODUCTION
    )
    return response
