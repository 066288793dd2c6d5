"""The samples of a patient as the signer of the casebook reads them."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from patients.casebook.signed_parts import SignedPart
from patients.models import Patient, Sample
from trials.reader import shown_moment


def signed_samples(patient: Patient) -> Iterator[SignedPart]:
    """Yield what the signature covers of each sample; the steps of its tubes go on after it. One query."""
    for row in Sample.objects.filter(patient=patient).select_related("visit").order_by("number"):
        facts = (
            (_("Visit"), row.visit.key),
            (_("Specimen"), row.specimen),
            (_("Collected"), shown_moment(row.collected) if row.collected else ""),
            (_("Collected by"), row.collected_by),
            (_("Not collected because"), row.not_collected_reason),
            (_("Note"), row.note),
            (_("Struck out because"), row.struck_out_reason),
        )
        yield SignedPart(
            title=_("Sample %(code)s") % {"code": row.code},
            address=reverse("patients:sample", args=[patient.trial.slug, patient.code, row.number]),
            state=_("Collected") if row.taken else _("Not collected"),
            facts=tuple((label, text) for label, text in facts if text),
            tables=(),
        )
