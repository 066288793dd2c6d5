"""Sentences that `demo` stores as codes (see `audit.stored_text`)."""

from django.utils.translation import gettext_lazy as _

TEXTS = {
    "demo.training": _("training"),
    "demo.invented": _("invented patient"),
    "demo.replayed": _("replayed from %(file)s (SHA-256 %(sha256)s)"),
    "process.demo": _("Training data"),
    "process.replay": _("Replayed table"),
}
