"""Permissions. Roles (`trials.roles`) are sets of them; every view names the one it needs."""

from enum import StrEnum


class Permission(StrEnum):
    """One right in one trial."""

    SEE_TRIAL = "see_trial"
    SEE_IDENTITY = "see_identity"
    SEE_FILES = "see_files"
    SCREEN = "screen"
    ENTER_DATA = "enter_data"
    SIGN_ELIGIBILITY = "sign_eligibility"
    ENROL = "enrol"
    SIGN = "sign"
    REPORT_EVENT = "report_event"
    ASSESS_EVENT = "assess_event"
    RECORD_INFUSION = "record_infusion"
    PREPARE_PRODUCT = "prepare_product"
    SEE_TREATMENT = "see_treatment"
    RAISE_QUERY = "raise_query"
    ANSWER_QUERY = "answer_query"
    VERIFY = "verify"
    LOCK = "lock"
    REQUEST_UNLOCK = "request_unlock"
    MANAGE_RANGES = "manage_ranges"
    APPLY_AMENDMENT = "apply_amendment"
    SEE_TRAIL = "see_trail"
    REVIEW_TRAIL = "review_trail"
    EXPORT = "export"
    MANAGE_PEOPLE = "manage_people"
    SEE_PEOPLE = "see_people"
    VOUCH = "vouch"
