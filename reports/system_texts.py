"""Sentences that `reports` stores as codes (see `audit.stored_text`)."""

from django.utils.translation import gettext_lazy as _

TEXTS = {
    "search.hospital_number": _("hospital number"),
    "search.person": _("name or hospital number"),
}
