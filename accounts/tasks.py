"""Mails of the worker (`manage.py db_worker`). A task holds no secret: the link is made when its mail is sent."""

from urllib.parse import urljoin

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django_tasks import task

from accounts import password_keys
from accounts.models import PasswordKey, User
from audit.context import acting


@task()
def send_link(key: int, installation: str) -> None:
    """Mail the link for a password to its owner. installation: the address of the start page, `https://host/`."""
    found = PasswordKey.objects.select_related("user").get(pk=key)
    user = found.user
    if not password_keys.is_open(found) or not user.email:
        return
    with acting(system="mail"):
        address = urljoin(installation, reverse("account_key", args=[password_keys.new_link(found)]))
        with translation.override(user.language or settings.LANGUAGE_CODE):
            context = {"user": user, "address": address, "has_password": user.has_usable_password()}
            text = render_to_string("mail/password_link.txt", context)
            send_mail(_("Choose a password for Stroma"), text, None, [user.email])
        found.sent_at = timezone.now()
        found.save(update_fields=["sent_at"])


@task()
def tell_of_new_address(user: int, before: str) -> None:
    """Tell the earlier address of a person that another one is stored now."""
    person = User.objects.get(pk=user)
    with translation.override(person.language or settings.LANGUAGE_CODE):
        text = render_to_string("mail/new_address.txt", {"user": person})
        send_mail(_("Your e-mail address in Stroma was changed"), text, None, [before])
