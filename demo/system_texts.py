"""Sentences that `demo` stores as codes (see `audit.stored_text`)."""

from django.utils.translation import gettext_lazy as _

TEXTS = {
    "demo.training": _("training"),
    "demo.invented": _("invented patient"),
    "process.demo": _("Training data"),
}
