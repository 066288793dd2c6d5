"""Sentences that `exports` stores as codes: titles of documents, reasons why a document failed, processes."""

from django.utils.translation import gettext_lazy as _

from exports.models import Document

TEXTS = {
    **{f"document.{code}": words for code, words in Document.Kind.choices},
    "document.casebook_of_all": _("Casebook of all patients"),
    # Translators: a document and the patient or protocol version it is about.
    "document.about": _("%(document)s %(about)s"),
    "document.broke": _("An error occurred while this was made. The administrator finds it in the log."),
    "document.stalled": _("The worker stopped before this was finished. Ask for it again."),
    "document.no_right": _("The person who requested this no longer has the right to it."),
    "document.no_typesetting": _("PDF creation is not installed here: install requirements/worker.txt."),
    "document.too_large": _(
        "This would be more than one PDF can hold here. Ask for one PDF per patient instead."
    ),
    "document.too_slow": _("Creating the document took too long. Ask for fewer patients at a time."),
    "document.not_set": _("The PDF could not be created: %(message)s. Tell the administrator."),
    "process.documents": _("Documents"),
    "process.export": _("Export"),
    "process.copies": _("Copies of the investigator by schedule"),
}
