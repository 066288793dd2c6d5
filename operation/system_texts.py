"""Names of the processes of `operation`, which pages show as the author of their rows and events."""

from django.utils.translation import gettext_lazy as _

TEXTS = {
    "process.backup": _("Backup"),
    "process.restore_drill": _("Restore test"),
    "process.verification": _("Verification of the trail"),
    "process.clock": _("Comparison of the clock"),
}
