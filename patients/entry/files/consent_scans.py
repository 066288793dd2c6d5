"""The scan of a signed consent form: stored like the files of forms, but never exported, because it names a person."""

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.utils.translation import gettext as _

from patients.entry.files.attachments import store
from patients.models import Attachment, Patient
from protocol.document.items import Item
from protocol.values.refusals import ValueRefused
from trials.reader import shown_sentence

# No form has an empty code: a scan is told from the files of forms by it.
NO_FORM = ""
SCAN = Item.model_validate(
    {"name": "consent_scan", "type": "file", "label": {"en": "Scan of the consent form"}}
)
INPUT, KEY = "scan", "scan_key"


def receive_scan(request: HttpRequest, patient: Patient) -> str:
    """Store the scan sent with a consent and put its key among the answers. Return why it was refused, or nothing.

    The key goes on with the page, so that a page shown again does not ask for the file again.
    """
    upload = request.FILES.get(INPUT)
    if upload is None:
        return ""
    try:
        row = store(upload=upload, item=SCAN, patient=patient, form=NO_FORM, by=request.user)  # type: ignore[arg-type]
    except ValueRefused as refused:
        return shown_sentence(refused)
    posted = request.POST.copy()
    posted[KEY] = row.key
    request.POST = posted  # type: ignore[assignment]
    return ""


def scan_of(patient: Patient, key: str) -> Attachment | None:
    """Return the scan with a key, None without a key. Raises BadRequest for a key of something else."""
    if not key:
        return None
    found = Attachment.objects.filter(patient=patient, form=NO_FORM, item=SCAN.name, key=key).first()
    if found is None:
        raise BadRequest(_("This file does not belong here. Open the form again."))
    return found
