"""The laboratory terms of CTCAE v5.0 and v6.0 with the numbers at which their grades begin.

The numbers are facts of the publications of the National Cancer Institute; the words are our own. The upper end of a
grade belongs to it: a grade begins beyond the end of the one below. No Django.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from protocol.ctcae.criteria import HIGH, LOW, NO_CUTS, Criteria
from protocol.values.refusals import gettext_noop

FROM_ONE = frozenset({1})
FROM_TWO_UP = frozenset({2, 3, 4})

TRANSFUSION = gettext_noop("Is a transfusion indicated? Then the grade is 3.")
LIFE = gettext_noop(
    "Are the consequences life-threatening, or is an urgent intervention needed? Then the grade is 4."
)
HOSPITAL = gettext_noop("Is a stay in hospital indicated for it? Then the grade is 3.")
TREATED = gettext_noop("Was a treatment started for it? Then the grade is 2.")
POTASSIUM_SYMPTOMS = gettext_noop("Are there symptoms, or is a treatment indicated? Then the grade is 2.")
CALCIUM_SYMPTOMS = gettext_noop("Are there symptoms? Then the grade is 2.")
SODIUM_SYMPTOMS = gettext_noop("Are there symptoms? Then the grade is 3.")
BLEEDING = gettext_noop("Is there bleeding? Then the grade is 3.")
LEUCOSTASIS = gettext_noop(
    "Are there signs of leucostasis that need an urgent intervention? Then the grade is 4."
)
FASTING = gettext_noop("Was the sample taken fasting? If not, the number gives no grade.")

SALT_ASKS = {1: TREATED, 2: HOSPITAL, 3: LIFE}
CALCIUM_ASKS = {1: CALCIUM_SYMPTOMS, 2: HOSPITAL, 3: LIFE}
BEYOND_LIMIT = ("1", None, None, None)

LIVER_5 = Criteria(
    worse=HIGH,
    times_limit=("1", "3", "5", "20"),
    times_baseline=("1.5", "3", "5", "20"),
    baseline_included=FROM_ONE,
)
DUCT_5 = Criteria(
    worse=HIGH,
    times_limit=("1", "2.5", "5", "20"),
    times_baseline=("2", "2.5", "5", "20"),
    baseline_included=FROM_ONE,
)
BILIRUBIN_5 = Criteria(
    worse=HIGH, times_limit=("1", "1.5", "3", "10"), times_baseline=("1", "1.5", "3", "10")
)
ANEMIA = Criteria(
    worse=LOW,
    numbers={"g/L": (None, "100", "80", None), "mmol/L": (None, "6.2", "4.9", None)},
    times_limit=BEYOND_LIMIT,
    asks={1: TRANSFUSION, 2: TRANSFUSION, 3: LIFE},
)
INR = Criteria(
    worse=HIGH,
    numbers={"ratio": ("1.2", "1.5", "2.5", None)},
    by_anticoagulant=True,
)
PLATELETS_5 = Criteria(worse=LOW, numbers={"10^9/L": (None, "75", "50", "25")}, times_limit=BEYOND_LIMIT)
NEUTROPHILS_5 = Criteria(worse=LOW, numbers={"10^9/L": (None, "1.5", "1", "0.5")}, times_limit=BEYOND_LIMIT)

BOTH: Final[Mapping[str, Criteria]] = {
    "Anemia": ANEMIA,
    "Leukocytosis": Criteria(
        worse=HIGH, numbers={"10^9/L": (None, None, "100", None)}, asks={3: LEUCOSTASIS}
    ),
    "White blood cell decreased": Criteria(
        worse=LOW, numbers={"10^9/L": (None, "3", "2", "1")}, times_limit=BEYOND_LIMIT
    ),
    "Lymphocyte count increased": Criteria(worse=HIGH, numbers={"10^9/L": (None, "4", "20", None)}),
    "CD4 lymphocytes decreased": Criteria(
        worse=LOW, numbers={"10^9/L": (None, "0.5", "0.2", "0.05")}, times_limit=BEYOND_LIMIT
    ),
    "Activated partial thromboplastin time prolonged": Criteria(
        worse=HIGH, times_limit=("1", "1.5", "2.5", None), asks={1: BLEEDING, 2: BLEEDING}
    ),
    # A fall of 25, 50 and 75 % leaves 0.75, 0.5 and 0.25 of an abnormal baseline; below 0.5 g/L it is always grade 4.
    "Fibrinogen decreased": Criteria(
        worse=LOW,
        numbers={"g/L": (None, None, None, "0.5")},
        times_limit=("1", "0.75", "0.5", "0.25"),
        times_baseline=("1", "0.75", "0.5", "0.25"),
        baseline_included=FROM_TWO_UP,
    ),
    "Blood lactate dehydrogenase increased": Criteria(worse=HIGH, times_limit=BEYOND_LIMIT),
    "Acidosis": Criteria(
        worse=LOW, numbers={"pH": (None, None, "7.3", None)}, times_limit=BEYOND_LIMIT, asks={3: LIFE}
    ),
    "Alkalosis": Criteria(
        worse=HIGH, numbers={"pH": (None, None, "7.5", None)}, times_limit=BEYOND_LIMIT, asks={3: LIFE}
    ),
    "Hyperkalemia": Criteria(
        worse=HIGH,
        numbers={"mmol/L (1+)": (None, "5.5", "6", "7")},
        times_limit=BEYOND_LIMIT,
        asks=SALT_ASKS,
    ),
    "Hypokalemia": Criteria(
        worse=LOW,
        numbers={"mmol/L (1+)": (None, None, "3", "2.5")},
        times_limit=BEYOND_LIMIT,
        asks={1: POTASSIUM_SYMPTOMS, 3: LIFE},
    ),
    "Hypernatremia": Criteria(
        worse=HIGH,
        numbers={"mmol/L (1+)": (None, "150", "155", "160")},
        times_limit=BEYOND_LIMIT,
        asks=SALT_ASKS,
    ),
    # v5.0 prints whole numbers (125 to 129, 120 to 124); v6.0 closes the gaps between them, and so do we.
    "Hyponatremia": Criteria(
        worse=LOW,
        numbers={"mmol/L (1+)": (None, "130", "125", "120")},
        times_limit=BEYOND_LIMIT,
        asks={2: SODIUM_SYMPTOMS, 3: LIFE},
    ),
    "Hypoalbuminemia": Criteria(
        worse=LOW, numbers={"g/L": (None, "30", "20", None)}, times_limit=BEYOND_LIMIT, asks={3: LIFE}
    ),
    "Hypoglycemia": Criteria(
        worse=LOW,
        numbers={"mmol/L": (None, "3", "2.2", "1.7"), "mg/dL": (None, "55", "40", "30")},
        times_limit=BEYOND_LIMIT,
        asks={3: LIFE},
    ),
    "Hypertriglyceridemia": Criteria(
        worse=HIGH,
        numbers={"mmol/L": ("1.71", "3.42", "5.7", "11.4"), "mg/dL": ("150", "300", "500", "1000")},
        included=FROM_ONE,
        asks={3: LIFE},
    ),
    # Calcium corrected for albumin.
    "Hypercalcemia": Criteria(
        worse=HIGH,
        numbers={
            "mmol/L (2+)": (None, "2.9", "3.1", "3.4"),
            "mg/dL": (None, "11.5", "12.5", "13.5"),
        },
        times_limit=BEYOND_LIMIT,
        asks=CALCIUM_ASKS,
    ),
    "Hypocalcemia": Criteria(
        worse=LOW,
        numbers={"mmol/L (2+)": (None, "2", "1.75", "1.5"), "mg/dL": (None, "8", "7", "6")},
        times_limit=BEYOND_LIMIT,
        asks=CALCIUM_ASKS,
    ),
    "Hypomagnesemia": Criteria(
        worse=LOW,
        numbers={"mmol/L (2+)": (None, "0.5", "0.4", "0.3"), "mg/dL": (None, "1.2", "0.9", "0.7")},
        times_limit=BEYOND_LIMIT,
        asks={3: LIFE},
    ),
}

VERSION_5: Final[Mapping[str, Criteria]] = {
    **BOTH,
    "Platelet count decreased": PLATELETS_5,
    "Neutrophil count decreased": NEUTROPHILS_5,
    "Lymphocyte count decreased": Criteria(
        worse=LOW, numbers={"10^9/L": (None, "0.8", "0.5", "0.2")}, times_limit=BEYOND_LIMIT
    ),
    "Alanine aminotransferase increased": LIVER_5,
    "Aspartate aminotransferase increased": LIVER_5,
    "Alkaline phosphatase increased": DUCT_5,
    "GGT increased": DUCT_5,
    "Blood bilirubin increased": BILIRUBIN_5,
    "Creatinine increased": Criteria(
        worse=HIGH, times_limit=("1", "1.5", "3", "6"), beside_baseline=(None, "1.5", "3", None)
    ),
    "CPK increased": Criteria(worse=HIGH, times_limit=("1", "2.5", "5", "10")),
    "INR increased": INR,
}

LIVER_6 = replace(LIVER_5, times_baseline=("1", "1.5", "2", "4"))
VERSION_6: Final[Mapping[str, Criteria]] = {
    **BOTH,
    "Thrombocytopenia": replace(
        PLATELETS_5,
        numbers={"10^9/L": (None, "75", "50", "10")},
        asks={1: TRANSFUSION, 2: TRANSFUSION, 3: LIFE},
    ),
    # From v6.0 on the number alone decides, whatever the limit of the laboratory.
    "Neutrophil count decreased": replace(
        NEUTROPHILS_5, numbers={"10^9/L": ("1.5", "1", "0.5", "0.1")}, times_limit=NO_CUTS
    ),
    "Alanine aminotransferase increased": LIVER_6,
    "Aspartate aminotransferase increased": LIVER_6,
    "Alkaline phosphatase increased": Criteria(
        worse=HIGH, times_limit=BEYOND_LIMIT, times_baseline=BEYOND_LIMIT
    ),
    "GGT increased": replace(DUCT_5, times_baseline=("1", "1.5", "3", "10")),
    "Blood bilirubin increased": replace(
        BILIRUBIN_5, times_baseline=("1", "1.5", "2.5", "10"), baseline_included=FROM_ONE
    ),
    "Creatinine increased": Criteria(
        worse=HIGH,
        times_limit=("1", "1.5", "3", "6"),
        times_baseline=(None, "1.5", "3", None),
        abnormal_is=LOW,
    ),
    "INR increased": replace(INR, asks={1: BLEEDING, 2: BLEEDING}),
    "Hyperglycemia": Criteria(
        worse=HIGH,
        numbers={"mmol/L": (None, "8.9", "13.9", "27.8"), "mg/dL": (None, "160", "250", "500")},
        times_limit=BEYOND_LIMIT,
        asks={1: FASTING, 2: FASTING, 3: LIFE},
    ),
}

TABLES: Final[Mapping[str, Mapping[str, Criteria]]] = {"5.0": VERSION_5, "6.0": VERSION_6}
RENAMED: Final[Mapping[str, Mapping[str, str]]] = {
    "5.0": {},
    "6.0": {"Platelet count decreased": "Thrombocytopenia", "Lymphocyte count decreased": "Lymphopenia"},
}
"""By version, the terms that it calls by another name than the version before."""


def criteria_of(term: str, version: str) -> Criteria | None:
    """Return the criteria of a term, by its name in that version or the one before; None if no number grades it."""
    return TABLES.get(version, {}).get(RENAMED.get(version, {}).get(term, term))
