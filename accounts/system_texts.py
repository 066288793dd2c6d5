"""What the accounts room stores as code."""

from django.utils.translation import gettext_lazy as _

TEXTS = {
    "process.sign-in": _("Sign-in"),
    "sign-in.deactivated": _("deactivated"),
    "sign-in.unknown": _("unknown user name"),
}
