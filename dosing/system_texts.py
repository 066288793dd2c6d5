"""What the dosing room stores as code."""

from django.utils.translation import gettext_lazy as _

TEXTS = {
    "dosing.not_planned": _("Version %(version)s of the protocol does not plan it."),
    "process.allocation": _("Allocation"),
    "process.dose": _("Computation of the dose"),
}
