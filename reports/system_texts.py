"""What the reports room stores as code."""

from django.utils.translation import gettext_lazy as _

TEXTS = {"search.hospital_number": _("hospital number")}
