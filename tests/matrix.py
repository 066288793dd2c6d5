"""The declared rights of every address: what reading it needs, and what posting to it needs (None: not offered).

This table is the specification. `tests/test_access_matrix.py` holds the application against it.
"""

from typing import Any

from accounts.permissions import Permission as P
from patients.models import Patient
from trials.models import Trial

# Without signing in.
OPEN = {
    "start",
    "healthz",
    "account_login",
    "account_inactive",
    "mfa_authenticate",
    "mfa_login_webauthn",
    # Only what the reader's own browser keeps.
    "account_theme",
    "account_language",
    "account_session",
}
# The person's own account; no trial is involved.
SIGNED_IN = {
    "account_logout",
    "account_reauthenticate",
    "account_change_password",
    "account_profile",
    "account_end_sessions",
    "mfa_index",
    "mfa_reauthenticate",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
    "mfa_reauthenticate_webauthn",
    "mfa_remove_webauthn",
    "mfa_edit_webauthn",
    "trials:choose",
}
TRIAL_PAGES: dict[str, tuple[P | None, P | None]] = {
    "reports:home": (P.SEE_TRIAL, None),
    "reports:casebook": (P.SEE_TRIAL, None),
    "reports:profile": (P.SEE_TRIAL, None),
    "reports:search": (P.SEE_TRIAL, P.SEE_IDENTITY),
    "patients:listing": (P.SEE_TRIAL, None),
    "patients:screen": (P.SCREEN, P.SCREEN),
    "patients:identity": (P.SEE_IDENTITY, P.SCREEN),
    "patients:consent": (P.SEE_TRIAL, P.ENTER_DATA),
    "patients:capacity": (P.SEE_TRIAL, P.ENTER_DATA),
    "patients:eligibility": (P.SEE_TRIAL, P.SIGN_ELIGIBILITY),
    "patients:enrol": (P.SEE_TRIAL, P.ENROL),
    "patients:fail": (P.SEE_TRIAL, P.ENROL),
    "patients:end": (P.SEE_TRIAL, P.ENROL),
    "patients:sign": (P.SIGN, P.SIGN),
    "patients:visit-new": (P.SEE_TRIAL, P.ENTER_DATA),
    "patients:visit": (P.SEE_TRIAL, None),
    "patients:visit-hold": (P.SEE_TRIAL, P.ENTER_DATA),
    "patients:visit-miss": (P.SEE_TRIAL, P.ENTER_DATA),
    "patients:queries": (P.SEE_TRIAL, None),
    "patients:query": (P.SEE_TRIAL, None),
    "patients:queries-close": (P.RAISE_QUERY, P.RAISE_QUERY),
    "patients:query-answer": (P.ANSWER_QUERY, P.ANSWER_QUERY),
    "patients:query-close": (P.RAISE_QUERY, P.RAISE_QUERY),
    "patients:query-reopen": (P.RAISE_QUERY, P.RAISE_QUERY),
    "patients:forms": (P.SEE_TRIAL, None),
    "patients:forms-ask": (P.RAISE_QUERY, P.RAISE_QUERY),
    "patients:logs": (P.SEE_TRIAL, None),
    "patients:form": (P.SEE_TRIAL, P.ENTER_DATA),
    "patients:form-check": (None, P.ENTER_DATA),
    "patients:form-keep": (None, P.ENTER_DATA),
    "patients:form-discard": (None, P.ENTER_DATA),
    "patients:form-query": (P.RAISE_QUERY, P.RAISE_QUERY),
    "patients:form-strike": (P.ENTER_DATA, P.ENTER_DATA),
    "patients:log": (P.SEE_TRIAL, P.ENTER_DATA),
    "patients:log-check": (None, P.ENTER_DATA),
    "patients:log-keep": (None, P.ENTER_DATA),
    "patients:log-discard": (None, P.ENTER_DATA),
    "patients:log-query": (P.RAISE_QUERY, P.RAISE_QUERY),
    "patients:log-strike": (P.ENTER_DATA, P.ENTER_DATA),
    "dosing:listing": (P.SEE_TRIAL, None),
    "dosing:allocation": (P.SEE_TREATMENT, None),
    "dosing:infusion": (P.SEE_TRIAL, P.RECORD_INFUSION),
    "dosing:weight": (P.RECORD_INFUSION, P.RECORD_INFUSION),
    "dosing:not-given": (P.RECORD_INFUSION, P.RECORD_INFUSION),
    "dosing:preparation": (P.SEE_TREATMENT, P.PREPARE_PRODUCT),
    "dosing:dose": (None, P.PREPARE_PRODUCT),
    "safety:listing": (P.SEE_TRIAL, None),
    "safety:sign": (P.SIGN, P.SIGN),
    "safety:report": (P.REPORT_EVENT, P.REPORT_EVENT),
    "safety:event": (P.SEE_TRIAL, None),
    "safety:amend": (P.REPORT_EVENT, P.REPORT_EVENT),
    "safety:sponsor": (P.REPORT_EVENT, P.REPORT_EVENT),
    "safety:strike-out": (P.REPORT_EVENT, P.REPORT_EVENT),
    "exports:index": (P.EXPORT, P.EXPORT),
    "audit:trail": (P.SEE_TRAIL, P.REVIEW_TRAIL),
    "accounts:people": (P.SEE_PEOPLE, None),
    "accounts:person": (P.SEE_PEOPLE, None),
    "accounts:add": (P.MANAGE_PEOPLE, P.MANAGE_PEOPLE),
    "accounts:delegate": (P.MANAGE_PEOPLE, P.MANAGE_PEOPLE),
    "accounts:add-role": (P.MANAGE_PEOPLE, P.MANAGE_PEOPLE),
    "accounts:end-role": (P.MANAGE_PEOPLE, P.MANAGE_PEOPLE),
    "accounts:identity": (P.MANAGE_PEOPLE, P.MANAGE_PEOPLE),
    "accounts:deactivate": (P.MANAGE_PEOPLE, P.MANAGE_PEOPLE),
    "accounts:reactivate": (P.MANAGE_PEOPLE, P.MANAGE_PEOPLE),
    "accounts:password": (P.MANAGE_PEOPLE, P.MANAGE_PEOPLE),
    "accounts:remove-factors": (P.MANAGE_PEOPLE, P.MANAGE_PEOPLE),
}


def sample(trial: Trial, patient: Patient) -> dict[str, Any]:
    """Return values for the parts of addresses, so that each leads to something that exists."""
    return {
        "slug": trial.slug,
        "code": patient.code,
        "visit": "SCR",
        "form": "demography",
        "repeat": 1,
        "number": 1,
        "pk": 1,
        "delegation": 1,
    }
