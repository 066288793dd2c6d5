"""Every right in words, for lists of who had access (docs/roles.md)."""

from collections.abc import Collection

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from trials.permissions import Permission as P

WORDS: dict[P, Promise] = {
    P.SEE_TRIAL: _("read the pages of the trial"),
    P.SEE_IDENTITY: _("read names and hospital numbers"),
    P.SEE_FILES: _("read attached files"),
    P.SCREEN: _("screen patients"),
    P.ENTER_DATA: _("enter consents, visits and forms"),
    P.SIGN_ELIGIBILITY: _("decide on eligibility and sign it"),
    P.ENROL: _("include patients and end their study"),
    P.SIGN: _("sign forms and adverse events"),
    P.REPORT_EVENT: _("report adverse events"),
    P.ASSESS_EVENT: _("assess adverse events, classify deviations"),
    P.RECORD_INFUSION: _("record infusions"),
    P.PREPARE_PRODUCT: _("record the product"),
    P.CLASSIFY_PRODUCT: _("classify deviations of the product"),
    P.ASK_PRODUCT: _("raise and close queries on the product"),
    P.VERIFY_PRODUCT: _("verify the product against its source"),
    P.SEE_TREATMENT: _("know the treatment"),
    P.SEE_CLOSED_REPORT: _("read the closed report, with figures of each arm"),
    P.UPLOAD_ALLOCATION: _("upload a sealed allocation list"),
    P.UNBLIND: _("unblind one patient in an emergency"),
    P.JUDGE_CASE: _("judge the expectedness of serious events, decide on their report"),
    P.UNBLIND_SUSAR: _("unblind one patient for the report of a SUSAR"),
    P.INSTRUCT: _("read who received a recalled lot, and instruct the investigator of one patient"),
    P.REPORT_EXPOSURE: _("record that somebody came to know the treatment of a patient"),
    P.RAISE_QUERY: _("raise and close queries"),
    P.ANSWER_QUERY: _("answer queries"),
    P.VERIFY: _("verify data against their source"),
    P.LOCK: _("freeze, lock and unlock"),
    P.REQUEST_UNLOCK: _("ask to unlock"),
    P.MANAGE_RANGES: _("keep laboratories and reference ranges"),
    P.CODE_EVENT: _("code adverse events"),
    P.APPLY_AMENDMENT: _("move patients to another version"),
    P.SEE_TRAIL: _("read the audit trail"),
    P.REVIEW_TRAIL: _("record reviews of the audit trail"),
    P.REDACT: _("have personal data in free text masked, and decide on it as the second person"),
    P.HANDLE_PROBLEMS: _("look at reported problems, close and review them"),
    P.EXPORT: _("export data"),
    P.MANAGE_PEOPLE: _("invite people, give and end roles"),
    P.SEE_PEOPLE: _("read the delegation log"),
    P.VOUCH: _("be the second person for passwords and identities"),
    P.APPROVE: _("approve roles and versions of the protocol"),
    P.REVIEW_ACCESS: _("review access"),
    P.SEE_SYSTEM: _("read how the installation is kept, have the trail verified"),
    P.TAKE_COPY: _("take the copy of the investigator"),
    P.HOLD_TRIAL: _("hold the trial, sign the release of a hold"),
}


def rights_in_words(rights: Collection[P]) -> list[str]:
    """Return rights in the reader's language, in the order of `Permission`."""
    return [str(WORDS[each]) for each in P if each in rights]
