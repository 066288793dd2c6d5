"""What the demo stores as code."""

from django.utils.translation import gettext_lazy as _

TEXTS = {
    "demo.training": _("training"),
    "demo.invented": _("invented patient"),
    "process.demo": _("Training data"),
}
