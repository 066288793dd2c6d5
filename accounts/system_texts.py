"""Sentences that `accounts` stores as codes (see `audit.stored_text`)."""

from django.utils.translation import gettext_lazy as _

TEXTS = {
    "process.sign-in": _("Sign-in"),
    "sign-in.deactivated": _("deactivated"),
    "sign-in.unknown": _("unknown user name"),
}
