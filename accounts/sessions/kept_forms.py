"""Form data sent after a session has ended: stored encrypted, and restored after signing in again (ACC-05).

Every data form contains `{% form_owner %}`, a signed field that names its user. If the form is sent after the session
ended, the fields are stored for that user; the URL to which the user returns holds an unguessable token.
"""

import json
import re
import secrets
from datetime import date, timedelta
from urllib.parse import urlencode, urlsplit

from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.urls import reverse
from django.utils import timezone

from accounts.models import KeptPost, User
from accounts.secret_box import box

PURPOSE = "kept posts"
OWNER_FIELD = "form_owner"
KEPT_FIELD = "kept"
NEVER_KEPT = frozenset({"csrfmiddlewaretoken", OWNER_FIELD, KEPT_FIELD})
FORM_DAYS = 2
KEPT_PER_PERSON = 20
KEPT_DAYS = 7
TOKEN = re.compile(r"[\w-]{1,64}", re.ASCII)


def owner_value(user: User, page: str = "") -> str:
    """Return a signed value that ties a form to `user` and today's date.

    page: the path of the page that shows the form, if the form is sent to an address that cannot be opened.
    """
    return Signer(salt="accounts.form-owner").sign(f"{user.pk}|{timezone.now().date().isoformat()}|{page}")


def _signed_parts(request: HttpRequest) -> tuple[str, str, str] | None:
    """Return key of the user, day and page of the form that was sent, or None if the field is missing or forged."""
    try:
        signed = Signer(salt="accounts.form-owner").unsign(request.POST.get(OWNER_FIELD, ""))
    except BadSignature:
        return None
    pk, day, page = f"{signed}|".split("|")[:3]
    return pk, day, page


def owner_of(request: HttpRequest) -> User | None:
    """Return the user of the form that was sent, or None if the field is missing, forged or older than two days."""
    parts = _signed_parts(request)
    if parts is None:
        return None
    pk, day, _page = parts
    if timezone.now().date() - date.fromisoformat(day) > timedelta(days=FORM_DAYS):
        return None
    return User.objects.filter(pk=pk, is_active=True).first()


def keep(*, request: HttpRequest, user: User) -> str:
    """Store the sent fields for `user` and return the URL that restores them, on the page that shows the form.

    Passwords are never stored. For each user the latest twenty forms are kept, for a week.
    """
    fields = [
        [name, value]
        for name, values in request.POST.lists()
        if name not in NEVER_KEPT and "password" not in name
        for value in values
    ]
    # Only the name of a file is stored: the page asks the user to choose the file again.
    fields += [[name, str(file.name)] for name, files in request.FILES.lists() for file in files]
    parts = _signed_parts(request)
    page = parts[2] if parts is not None else ""
    path = page or request.path
    kept = KeptPost.objects.create(
        token=secrets.token_urlsafe(32),
        user=user,
        path=path[:500],
        payload=box(PURPOSE).encrypt(json.dumps(fields).encode()),
    )
    KeptPost.objects.filter(user=user).exclude(pk__in=_latest(user)).delete()
    KeptPost.objects.filter(created_at__lt=timezone.now() - timedelta(days=KEPT_DAYS)).delete()
    query = QueryDict(mutable=True) if page else request.GET.copy()
    query[KEPT_FIELD] = kept.token
    return f"{path}?{query.urlencode()}"


def kept_data(request: HttpRequest) -> QueryDict | None:
    """Return the stored fields if the URL names them and they belong to this user and page, else None."""
    token = request.GET.get(KEPT_FIELD, "")
    if not TOKEN.fullmatch(token) or not request.user.is_authenticated:
        return None
    kept = KeptPost.objects.filter(token=token, user_id=request.user.pk, path=request.path).first()
    if kept is None:
        return None
    # Imported with its library (`accounts.secret_box`), where a form was kept.
    from cryptography.fernet import InvalidToken

    try:
        fields = json.loads(box(PURPOSE).decrypt(bytes(kept.payload)))
    except InvalidToken:
        return None
    return QueryDict(urlencode([(name, value) for name, value in fields]), encoding="utf-8")


def sent_or_kept(request: HttpRequest) -> QueryDict | None:
    """Return the input sent to a page, or kept when the session ended; None if the page is only opened."""
    return request.POST if request.method == "POST" else kept_data(request)


def forget_saved(request: HttpRequest, response: HttpResponseBase) -> None:
    """Delete the stored fields if the response is a redirect, which means that the refilled form was saved."""
    token = request.POST.get(KEPT_FIELD, "") if request.method == "POST" else ""
    saved = TOKEN.fullmatch(token) and 300 <= response.status_code < 400
    if saved and request.user.is_authenticated:
        KeptPost.objects.filter(token=token, user=request.user).delete()


def sign_in_address(address: str, ended: str = "") -> str:
    """Return the URL of the sign-in page that leads back to `address` and gives the reason `ended`."""
    parts = urlsplit(address)
    query = {"next": f"{parts.path}?{parts.query}" if parts.query else parts.path}
    if ended:
        query["ended"] = ended
    return f"{reverse('account_login')}?{urlencode(query)}"


def _latest(user: User) -> list[int]:
    return list(
        KeptPost.objects.filter(user=user).order_by("-pk").values_list("pk", flat=True)[:KEPT_PER_PERSON]
    )
