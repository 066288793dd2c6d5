"""Sentences that `patients` stores as codes: reasons for change, texts of queries, processes."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from protocol.values.compared_dates import DATED
from protocol.values.parsing import UNUSUAL
from protocol.values.refusals import gettext_noop

AGE_DISAGREES = gettext_noop("This age does not agree with the date of birth. Check both.")

# Reasons for changing a complete form, in the order of the pick-list.
REASONS: dict[str, Promise] = {
    "transcription": _("Transcription error"),
    "source": _("The source was corrected"),
    "late": _("The result arrived later"),
    "query": _("Answer to a query"),
    "other": _("Other"),
}
REASON = "entry."
ANSWERED_AS_GROUP, AMENDED_AS_GROUP = "entry.as_group", "entry.amended_as_group"

# Facts that expressions read besides the answers of forms: `subject.…`, and the day of the visit.
FACTS: dict[str, Promise] = {
    "first_consent_at": _("First consent given on"),
    "first_consent_type": _("First consent given by"),
    "consent_at": _("Consent given on"),
    "consent_type": _("Consent given by"),
    "inclusion_on": _("Day of inclusion"),
    "screened_on": _("Day of screening"),
    "first_infusion_on": _("First infusion"),
    "group": _("Group"),
    "ended_on": _("End of study"),
    "visit_on": _("Day of the visit"),
    "visit_code": _("Visit"),
    "identity_birth_date": _("Date of birth"),
    "infusion_started_at": _("Start of the infusion"),
    "infusion_ended_at": _("End of the infusion"),
}

TEXTS = {
    **{f"{REASON}{code}": words for code, words in REASONS.items()},
    # Translators: names of items as the exports write them.
    ANSWERED_AS_GROUP: _("Answered as a group: %(items)s"),
    AMENDED_AS_GROUP: _("%(reason)s (answered as a group: %(items)s)"),
    "query.unusual": _(UNUSUAL),
    "query.birth_date": _(AGE_DISAGREES),
    **{f"query.{check}": _(words) for check, words in DATED.items()},
    "query.answered": _("The value was changed"),
    "query.corrected": _("The value was corrected."),
    # Translators: number of a row of a table, and its value.
    "query.row_removed": _("Row %(row)s was removed (%(value)s)."),
    # Translators: the text of a check, then the item and the form whose change made it contradict.
    "query.contradicts": _("%(finding)s (because “%(item)s” of “%(form)s” changed)"),
    "query.contradicts_log": _("%(finding)s (because the rows of “%(form)s” changed)"),
    "query.contradicts_fact": _("%(finding)s (because “%(fact)s” changed)"),
    "query.agrees": _("Settled because “%(item)s” of “%(form)s” changed."),
    "query.agrees_log": _("Settled because the rows of “%(form)s” changed."),
    "query.agrees_fact": _("Settled because “%(fact)s” changed."),
    "query.not_asked": _(
        "There is an answer, but this is not asked any more: correct the form or strike it out"
    ),
    "query.needed": _("This is asked now and has no answer"),
    **{f"fact.{name}": words for name, words in FACTS.items()},
    "deviation.visit_day": _(
        "Visit %(visit)s was held on %(day)s, outside its window of %(first)s to %(last)s."
    ),
    "deviation.visit_missed": _("Visit %(visit)s was missed"),
    # Translators: the id of an eligibility criterion, “group”, or an item by which the trial stratifies.
    "deviation.decision": _("The decision on eligibility rested on inputs that were wrong: %(id)s."),
    "deviation.not_confirmed": _("Criterion %(id)s was not confirmed by %(day)s."),
    "deviation.sample_late": _(
        "Sample %(sample)s was frozen %(minutes)s minutes after its collection, the protocol allows %(most)s."
    ),
    # Translators: codes of tubes.
    "deviation.sample_missing": _("Missing when the shipment arrived or when it was looked for: %(tubes)s."),
    "deviation.sample_thawed": _("Thawed or damaged when the shipment arrived: %(tubes)s."),
    "deviation.sample_not_collected": _("A required sample was not collected"),
    "deviation.corrected": _("The place was corrected since: it no longer shows a deviation."),
    "patients.never_saved": _("Sent with a form that was never saved"),
    "process.checks": _("Edit checks"),
    "process.clear_uploads": _("Clearing of files never saved"),
    "process.deviations": _("Log of deviations"),
    "process.schedule": _("Schedule"),
    "process.withdraw_protocol": _("Withdrawal of a protocol version"),
}
