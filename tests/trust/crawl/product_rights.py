"""Who may do what with allocation, treatment, infusions and the stock of the product: a part of `RIGHTS`."""

from tests.trust.crawl.letters import (
    ALL,
    DOCTORS,
    EXPOSURES,
    HOLDS,
    NOBODY,
    PRODUCT,
    READS_TRAIL,
    SITE,
    UNBLINDED,
)

INFUSION = "patients/*/infusions/*/"
ABOUT_PRODUCT: dict[str, tuple[str, str]] = {
    # Product and infusions.
    "infusions/": (ALL, NOBODY),
    "allocation/": (UNBLINDED, NOBODY),
    "allocation/upload/": ("S", "S"),
    # A hash and random numbers tell nothing.
    "allocation/hash/": (ALL, NOBODY),
    "kits/": (ALL, NOBODY),
    "kits/labels/": (ALL, NOBODY),
    # Unblinding: an investigator alone, drug safety for a SUSAR, the data manager after the lock; who was unblinded is
    # told to all who read the trail. Everybody who works with patients or product records an exposure by accident.
    "unblindings/": (READS_TRAIL, NOBODY),
    "unblindings/open/": ("D", "D"),
    "patients/*/unblinding/": (DOCTORS, DOCTORS),
    "patients/*/unblinding/susar/": ("V", "V"),
    "patients/*/unblinding/exposure/": (EXPOSURES, EXPOSURES),
    # After a recall: laboratory and drug safety of the sponsor instruct, an investigator opens.
    "recalls/": ("LHV", NOBODY),
    "recalls/*/": ("LHV", "LHV"),
    "patients/*/recalls/*/instruct/": ("LHV", "LHV"),
    "patients/*/instructions/*/": (DOCTORS, DOCTORS),
    # Everybody knows the dose levels; an investigator opens places.
    "dose-levels/": (ALL, DOCTORS),
    # Everybody knows that the trial is on hold, and why.
    "holds/": (ALL, NOBODY),
    "holds/new/": (HOLDS, HOLDS),
    "holds/*/": (ALL, HOLDS),
    "patients/*/treatment-holds/*/": (ALL, DOCTORS),
    INFUSION: (ALL, SITE),
    f"{INFUSION}weight/": (SITE, SITE),
    f"{INFUSION}not-given/": (SITE, SITE),
    f"{INFUSION}bedside/": (ALL, SITE),
    f"{INFUSION}bedside/decision/": (NOBODY, DOCTORS),
    f"{INFUSION}bedside/give-before/": (NOBODY, PRODUCT),
    f"{INFUSION}preparation/": (UNBLINDED, PRODUCT),
    # The laboratory's worksheet, the ward's check of the kit, an investigator's override.
    f"{INFUSION}worksheet/": (UNBLINDED, PRODUCT),
    f"{INFUSION}kit/": (SITE, SITE),
    f"{INFUSION}kit/label/": (ALL, NOBODY),
    f"{INFUSION}override/": (DOCTORS, DOCTORS),
    # A lot out of specification: an investigator asks and decides, the laboratory evaluates and tells.
    f"{INFUSION}exceptional-use/": (UNBLINDED, NOBODY),
    f"{INFUSION}exceptional-use/new/": (DOCTORS, DOCTORS),
    f"{INFUSION}exceptional-use/*/evaluation/": (PRODUCT, PRODUCT),
    f"{INFUSION}exceptional-use/*/decision/": (DOCTORS, DOCTORS),
    f"{INFUSION}exceptional-use/*/notice/": (PRODUCT, PRODUCT),
    f"{INFUSION}preparation/dose/": (NOBODY, PRODUCT),
    f"{INFUSION}dispense/": (PRODUCT, PRODUCT),
    # Envelopes for the day without a server: all see that there are some, the laboratory prints them and their codes.
    "envelopes/": (ALL, EXPOSURES),
    **{f"envelopes/{kind}/": (PRODUCT, PRODUCT) for kind in ("print", "codes")},
    # The next places of the list on paper, for a patient who is allocated without the server.
    "envelopes/reserve/": (ALL, EXPOSURES),
    **{f"envelopes/reserve/{kind}/": (PRODUCT, PRODUCT) for kind in ("print", "codes")},
    "blank-worksheets/": (ALL, NOBODY),
    # Results that would tell the treatment.
    "masked-results/": (UNBLINDED, NOBODY),
    "patients/*/masked-results/*/*/": (UNBLINDED, PRODUCT),
    # The stock: a scan is posted by whoever may know the treatment, and stores nothing.
    "stock/": (UNBLINDED, UNBLINDED),
    "stock/movements/": (UNBLINDED, NOBODY),
    **{f"look-back/{kind}/*/": (UNBLINDED, NOBODY) for kind in ("lots", "donors")},
    "product-history/*/*/": (UNBLINDED, NOBODY),
    "stock/donors/": (UNBLINDED, NOBODY),
    **{f"stock/{kind}/*/": (UNBLINDED, NOBODY) for kind in ("lots", "bags", "donors")},
    "stock/certificates/*/": (UNBLINDED, NOBODY),
    "stock/bags/*/label/": (UNBLINDED, NOBODY),
    "stock/lots/*/labels/": (UNBLINDED, NOBODY),
    **{f"stock/{kind}/*/*/": (PRODUCT, PRODUCT) for kind in ("lots", "bags", "donors")},
    **{f"stock/{kind}/new/": (PRODUCT, PRODUCT) for kind in ("lots", "donors")},
    "stock/excursions/*/": (PRODUCT, PRODUCT),
}  # fmt: skip
