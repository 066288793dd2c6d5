"""The e-mail address of a person: changed by its owner only, who proves it with the password.

Links for a password go to it, so an administrator who could change it could become the person.
"""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.sign_in.adapters import AccountAdapter
from accounts.tasks import tell_of_new_address
from audit.context import because
from audit.stored_text import system_text


def change_address(*, user: User, email: str, password: str, request: HttpRequest) -> None:
    """Store another address; the earlier address is told.

    Raises ValidationError for a wrong password, which counts as a failed sign-in.
    """
    if not AccountAdapter(request).reauthenticate(user, password):
        raise ValidationError({"password": _("This is not your password.")})
    _store(user, email)


@transaction.atomic
def _store(user: User, email: str) -> None:
    found = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    before = found.email
    if before == email:
        return
    found.email = email
    with because(system_text("account.own_address")):
        found.save(update_fields=["email"])
    if before and settings.SENDS_MAIL:
        tell_of_new_address.enqueue(user.pk, before)
