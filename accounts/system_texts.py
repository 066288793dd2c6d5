"""Sentences that `accounts` stores as codes (see `audit.stored_text`)."""

from django.utils.translation import gettext_lazy as _

TEXTS = {
    "process.sign-in": _("Sign-in"),
    "process.mail": _("Mail"),
    "process.password-key": _("Holder of a link for a password"),
    "account.own_address": _("Changed by the person"),
    "password-key.mail": _("a link by mail"),
    "password-key.people": _("two halves from two people"),
    "password-key.command": _("a link on the command line"),
    "sign-in.deactivated": _("deactivated"),
    "sign-in.unknown": _("unknown user name"),
}
