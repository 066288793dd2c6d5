"""Mails of the worker (`manage.py db_worker`) about roles."""

from urllib.parse import urljoin

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django_tasks import task

from accounts.models import User
from trials.models import Invitation


@task()
def tell_of_invitation(invitation: int, installation: str) -> None:
    """Mail an invitation to the person who has its user name, if there is one. Enqueued in either case."""
    found = Invitation.objects.select_related("trial").get(pk=invitation)
    user = User.objects.filter(username=found.username, is_active=True).first()
    if user is None or not user.email or not settings.SENDS_MAIL:
        return
    with translation.override(user.language or settings.LANGUAGE_CODE):
        context = {
            "user": user,
            "invitation": found,
            "address": urljoin(installation, reverse("trials:choose")),
        }
        send_mail(
            _("Invitation to a trial"), render_to_string("mail/invitation.txt", context), None, [user.email]
        )
