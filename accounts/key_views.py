"""A password chosen with a link or with two halves of a code, the own e-mail address, the own identity confirmed."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts import own_address, password_keys, signing_suspension
from accounts.forms import ChosenPasswordForm, OwnAddressForm, TwoHalvesForm
from accounts.models import PasswordKey, User
from accounts.sign_in import attempts, known_browsers
from accounts.sign_in.adapters import too_early
from audit.middleware import client_address

_reads_and_posts = require_http_methods(["GET", "HEAD", "POST"])


@_reads_and_posts
@never_cache
@sensitive_post_parameters()
@sensitive_variables("secret")
def link(request: HttpRequest, secret: str) -> HttpResponse:
    """Choose a password with a link. Opening the page uses nothing up: mail programs look at links."""
    key = password_keys.key_of_link(secret)
    if key is None:
        return render(request, "account/key_ended.html", status=410)
    form = ChosenPasswordForm(request.POST if request.method == "POST" else None)
    return _chosen(request, form, key) or _page(request, form, key=key)


@_reads_and_posts
@never_cache
@sensitive_post_parameters()
def halves(request: HttpRequest) -> HttpResponse:
    """Choose a password with two halves of a code that two people handed over. Guesses have to wait."""
    form = TwoHalvesForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, form)
    subject = attempts.AttemptSubject("code", client_address(request))
    if seconds := attempts.claim([subject]):
        form.add_error(None, too_early(seconds))
        return _page(request, form, status=429)
    key = password_keys.key_of_halves(form.cleaned_data["first_half"], form.cleaned_data["second_half"])
    if key is None:
        form.add_error(
            None,
            _(
                "These two halves belong to no code that can be used. Check both; a code works once, for a day."
            ),
        )
        return _page(request, form)
    attempts.succeeded([subject])
    return _chosen(request, form, key) or _page(request, form)


@_reads_and_posts
@never_cache
@login_required
@sensitive_post_parameters()
def address(request: HttpRequest) -> HttpResponse:
    """Change the own e-mail address. Nobody else can: links for a password go to it."""
    user = cast(User, request.user)
    form = OwnAddressForm(
        request.POST if request.method == "POST" else None, initial={"email": user.email}, label_suffix=""
    )
    if request.method == "POST" and form.is_valid():
        try:
            own_address.change_address(user=user, request=request, **form.cleaned_data)
        except ValidationError as refusal:
            form.add_error(None, refusal)
        else:
            messages.success(request, _("Your e-mail address is stored."))
            return redirect("account_profile")
    status = 422 if request.method == "POST" else 200
    return render(request, "account/address.html", {"form": form}, status=status)


@_reads_and_posts
@never_cache
@login_required
@sensitive_variables("code")
def confirmation(request: HttpRequest) -> HttpResponse:
    """Say why the person cannot sign; a post shows a code, once, for the second person who confirms who they are."""
    user = cast(User, request.user)
    code = ""
    if request.method == "POST":
        try:
            code = signing_suspension.new_confirmation_code(user=user)
        except ValidationError as refusal:
            messages.info(request, refusal.messages[0])
            return redirect("account_profile")
    context = {"sentences": signing_suspension.sentences_for(user), "code": code}
    return render(request, "account/confirmation.html", context)


def _chosen(request: HttpRequest, form: Any, key: PasswordKey) -> HttpResponse | None:
    """Store the password and lead to the sign-in page; return None with the refusal in the form."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        user = password_keys.choose_password(key=key, password=form.cleaned_data["password1"])
    except ValidationError as refusal:
        form.add_error(None, refusal)
        return None
    messages.success(
        request,
        _("Your password is stored. Sign in with it: your user name is %(username)s.")
        % {"username": user.username},
    )
    response = redirect("account_login")
    known_browsers.remember(request, response, user)
    return response


def _page(request: HttpRequest, form: Any, status: int = 0, **words: Any) -> HttpResponse:
    code = status or (422 if request.method == "POST" else 200)
    return render(request, "account/key.html", {"form": form, **words}, status=code)
