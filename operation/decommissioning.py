"""The steps that end an installation, in the order in which they are done (CTL-05; docs/decommissioning.md)."""

from django.utils.translation import gettext_lazy as _

STEPS = (
    _("Lock every trial; close or answer what is open (page Database lock)."),
    _("Give the investigator the last copy, check it with verify_archive, and have its receipt signed."),
    _("Export the study data with their manifest for the sponsor, blinded or not as the plan says."),
    _("Verify the trail, seal it, and keep the last head of the seals on paper outside the installation."),
    _("Make a last backup; restore it into a scratch database with restore_drill, sign in and open casebooks."),
    _("Keep backup, key, release and validation pack at two places to the retention dates; name who answers."),
    _("Plan when the archive is restored again to prove that it can be read, at the latest every five years."),
    _("End every role and session; revoke keys and accounts of the installation; take the site off the net."),
    _("Erase the disks, and file the record of it with the names of two people."),
)  # fmt: skip
