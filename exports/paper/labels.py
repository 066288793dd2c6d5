"""Texts that the templates print around the data."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

COMMON: dict[str, str | Promise] = {
    "protocol": _("Protocol version"),
    "generated": _("Generated"),
    "page": _("Page %(page)s of %(pages)s"),
    "fingerprint": _("SHA-256 of the data"),
    "made_with": _("Stroma"),
    "contents": _("Contents"),
    "item": _("Item"),
    "status": _("Status"),
}
CASEBOOK: dict[str, str | Promise] = {
    "casebook_of": _("Patient %(code)s"),
    "holds": _(
        "Captured forms: %(forms)s. Values: %(values)s, of them changed since entry: %(changed)s. "
        "Queries: %(queries)s. Signatures: %(signatures)s. Entries of the audit trail: %(entries)s."
    ),
    "originally": _("Originally:"),
    "changed_times": _("changed %(times)s ×"),
    "last_change": _("last"),
    "meaning": _("Meaning:"),
    "meaning_title": _("Meaning and validity"),
    "query_on": _("Query on %(item)s"),
    "closed": pgettext_lazy("what was done to a query", "Closed"),
    "no_entry": _("no entry"),
    "calculated": _("(calculated)"),
    "struck_out": _("Entered in error:"),
    "value": _("Value"),
    "when": _("When, who"),
    "what": _("What, why"),
    "change": _("Old → new"),
    "from": _("from"),
    "session": _("Session"),
    "because": _("Because:"),
    "blank": _("blank"),
    "consent": _("Consent"),
    "eligibility": _("Eligibility decision"),
    "id": _("No."),
    "kind": _("Kind"),
    "criterion": _("Criterion"),
    "inputs": _("Evaluated from"),
    "result": _("Result"),
    "plan": _("Visits"),
    "visit": _("Visit"),
    "planned": _("Planned"),
    "window": _("Window"),
    "held": pgettext_lazy("when", "Held"),
    "reason": _("Reason"),
    "logs": _("Logs"),
    "infusions": _("Infusions"),
    "product": _("Product"),
    "events": _("Adverse events"),
    "queries": _("Queries on entries outside forms"),
    "deviations": _("Protocol deviations"),
    "contacts": _("Contacts"),
    "signatures": _("Signatures"),
    "nothing_signed": _("Nothing was signed."),
    "name": _("Printed name"),
    "signed_what": pgettext_lazy("what a signature is on", "Signed"),
    "trail": _("Audit trail"),
}
CRF: dict[str, str | Promise] = {
    "schedule": _("Schedule of forms"),
    "form": _("Form"),
    "schedule_note": _(
        "● required · (●) required once the infusion was given · ○ when available. Logs, at any time:"
    ),
    "patient": _("Patient"),
    "visit": _("Visit"),
    "row": _("Row"),
    "day": _("Date"),
    "asked_at": _("Asked at:"),
    "as_log": _("Log: one sheet per row"),
    "only_if": _("Only if"),
    "calculated_later": _("calculated on entry"),
    "annotation": _("Annotation"),
    "answer": _("Answer"),
    "filled_by": _("Filled in by (name, signature, date and time)"),
    "entered_by": _("Entered by (name, date)"),
    "checks": _("Checks"),
    "check": _("Check"),
    "message": _("Message"),
    "fires": _("Fires if"),
    "column": _("Column"),
}
BLANK_NOTES = (
    _(
        "For the time in which the system cannot be reached. Write with a pen that does not fade; strike a mistake "
        "through once, write the right value beside it, and add your initials, the date and the reason."
    ),
    _("Dates as 09-OCT-2025, times on the 24-hour clock of the site. What is unknown of a date is written UNK."),
    _("Leave nothing blank: tick why a value is missing. Enter the sheet when the system is back: it is the source."),
)  # fmt: skip
ANNOTATED_NOTES = (
    _(
        "Beside each item: its name in the data, its CDISC domain and variable, its codes, its limits, and when it is "
        "asked. “Possible” limits cannot be passed; a value outside the “expected” ones opens a query."
    ),
)
VISIT_REPORT: dict[str, str | Promise] = {
    "overview": _("Overview"),
    "patient": _("Patient"),
    "status": _("Status"),
    "verified": _("Verified"),
    "undone": _("Verification undone"),
    "raised": _("Queries raised"),
    "closed": _("Queries closed"),
    "open": _("Open queries"),
    "unverified": _("Complete forms without verification"),
    "of_complete": _("Not verified"),
    "form": _("Form"),
    "item": _("Item"),
    "by": _("By"),
    "at": _("When"),
    "why": _("Changed by, why"),
    "question": _("Question and thread"),
    "nothing": _("Nothing in this period, nothing open."),
    "monitor": _("Monitor (name, signature, date)"),
    "investigator": _("Investigator (name, signature, date)"),
}
PRODUCT: dict[str, str | Promise] = {
    "lot": _("Lot"),
    "expires": _("Expires on"),
    "received": _("Received"),
    "sum": _("Sum"),
    "no_movement": _("No bag was moved yet."),
    "bag": _("Bag"),
    "at": _("At"),
    "movement": _("Movement"),
    "source": pgettext_lazy("an account", "From"),
    "target": pgettext_lazy("an account", "To"),
    "volume": _("mL"),
    "used_for": _("Infusion"),
    "by": _("Recorded by"),
    "note": _("Note"),
    "steps": _("Steps"),
    "step": _("Step"),
    "values": _("Values"),
    "signature": _("Signature"),
    "calculation": _("Calculation"),
    "line": _("Quantity"),
    "sum_of": _("Calculation"),
    "limits": _("Limits"),
}
