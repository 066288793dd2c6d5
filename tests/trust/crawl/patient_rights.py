"""Who may do what with patients, forms, queries, signatures and locks, and with the protocol: a part of `RIGHTS`."""

from tests.trust.crawl.letters import ALL, DOCTORS, NOBODY, QUERIES, READS_NAMES, SITE

FORM = ("patients/*/visits/*/*/", "patients/*/logs/*/*/")
ABOUT_PATIENTS: dict[str, tuple[str, str]] = {
    # Patients, from the first to the last day.
    "patients/": (ALL, NOBODY),
    # Who was considered and not screened: no identity is in it.
    "pre-screening/": (ALL, NOBODY),
    **{f"pre-screening/{end}": (SITE, SITE) for end in ("new/", "*/correct/", "*/strike-out/")},
    "patients/screen/": (SITE, SITE),
    "patients/*/": (ALL, NOBODY),
    "patients/*/profile.svg": (ALL, NOBODY),
    "patients/*/identity/": (READS_NAMES, SITE),
    "patients/*/consent/": (ALL, SITE),
    "patients/*/consent/capacity/": (ALL, SITE),
    "patients/*/eligibility/": (ALL, DOCTORS),
    **dict.fromkeys(["patients/*/enrol/", "patients/*/fail/", "patients/*/end/"], (ALL, SITE)),
    # Corrections.
    "patients/*/consent/withdraw/": (SITE, SITE),
    **{f"patients/*/consent/*/{end}": (SITE, SITE) for end in ("correct/", "strike-out/")},
    **{f"patients/*/{step}/correct/": (SITE, SITE) for step in ("screening", "enrol", "fail", "end")},
    **{f"patients/*/{step}/strike-out/": (SITE, SITE) for step in ("enrol", "fail")},
    "patients/*/end/reopen/": (DOCTORS, DOCTORS),
    "patients/*/visits/*/strike-out/": (SITE, SITE),
    # Visits and forms.
    "patients/*/visits/new/": (ALL, SITE),
    "patients/*/visits/*/": (ALL, NOBODY),
    "patients/*/visits/*/hold/": (ALL, SITE),
    "patients/*/visits/*/miss/": (ALL, SITE),
    "patients/*/logs/*/": (ALL, NOBODY),
    "patients/*/files/*/": ("CIMDXPV", NOBODY),
    **dict.fromkeys(FORM, (ALL, SITE)),
    **{f"{form}{end}": (NOBODY, SITE) for form in FORM for end in ("check/", "keep/", "discard/")},
    **{f"{form}query/": (QUERIES, QUERIES) for form in FORM},
    **{f"{form}strike-out/": (SITE, SITE) for form in FORM},
    "consents/": (ALL, NOBODY),
    "consents/eligibility/": (ALL, NOBODY),
    "forms/": (ALL, NOBODY),
    "forms/ask/": (QUERIES, QUERIES),
    # Queries, marks, signatures, locks.
    "queries/": (ALL, NOBODY),
    "queries/close/": (QUERIES, QUERIES),
    "patients/*/facts/*/*/*/": (ALL, QUERIES),
    "patients/*/facts/*/*/*/withdraw/": (NOBODY, "M"),
    "queries/ask/*/": (QUERIES, QUERIES),
    "queries/*/": (ALL, NOBODY),
    "queries/*/answer/": (SITE, SITE),
    "queries/*/close/": (QUERIES, QUERIES),
    "queries/*/reopen/": (QUERIES, QUERIES),
    "verification/": (ALL, NOBODY),
    "verification/undone/": (ALL, NOBODY),
    "patients/*/verify/": (ALL, "M"),
    "patients/*/verify/withdraw/": (NOBODY, "M"),
    "patients/*/review/": (ALL, DOCTORS),
    "patients/*/review/withdraw/": (NOBODY, DOCTORS),
    "to-sign/": (ALL, NOBODY),
    **dict.fromkeys(
        [
            "to-sign/sign/", "patients/*/sign/", "patients/*/sign/casebook/", "patients/*/visits/*/sign/",
            "adverse-events/sign/",
        ],
        (DOCTORS, DOCTORS),
    ),
    "locks/": (ALL, NOBODY),
    "locks/*/*/": (ALL, "D"),
    "locks/*/*/request/": (NOBODY, "CIDP"),
    "locks/requests/*/": (NOBODY, "D"),
    # The protocol and its amendments.
    "protocol/": (ALL, NOBODY),
    "protocol/*/*/": (ALL, NOBODY),
    "protocol/*/patients/": ("D", "D"),
    "protocol/*/withdraw/": ("D", "D"),
    # The principal investigator approves what somebody else loaded.
    "protocol/*/approve/": ("P", "P"),
}  # fmt: skip
