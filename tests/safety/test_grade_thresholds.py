"""CTCAE grades of laboratory results: each threshold at, just below and just above it (LAB-02 to LAB-05)."""

from decimal import Decimal

import pytest

from protocol.ctcae.laboratory_terms import criteria_of
from safety.grading import grade

ALT = "Alanine aminotransferase increased"
CREATININE = "Creatinine increased"

# unit, lower limit, upper limit, baseline: values with the grade that was read by hand from the published table.
BOTH_VERSIONS = {
    "Anemia": [
        ("g/L", 120, None, None, "130=0 120=0 119.9=1 100=1 99.9=2 80=2 79.9=3 10=3 0=3"),
        ("g/dL", 12, None, None, "12=0 11.99=1 10=1 9.99=2 8=2 7.99=3"),
        ("mmol/L", "7.4", None, None, "7.4=0 7.39=1 6.2=1 6.19=2 4.9=2 4.89=3"),
        ("g/L", 90, None, None, "101=0 100=0 99.9=2"),
    ],
    "Leukocytosis": [
        ("10^9/L", None, None, None, "0=0 100=0 100.001=3 900=3"),
        ("/mm3", None, None, None, "100000=0 100001=3"),
    ],
    "White blood cell decreased": [
        ("10^9/L", 4, None, None, "4=0 3.999=1 3=1 2.999=2 2=2 1.999=3 1=3 0.999=4 0=4")
    ],
    "Lymphocyte count increased": [
        ("10^9/L", None, None, None, "0=0 4=0 4.001=2 20=2 20.001=3 300=3"),
        ("/mm3", None, None, None, "4000=0 4001=2 20000=2 20001=3"),
    ],
    "CD4 lymphocytes decreased": [
        ("10^9/L", "0.6", None, None, "0.6=0 0.599=1 0.5=1 0.499=2 0.2=2 0.199=3 0.05=3 0.049=4"),
        ("/mm3", 600, None, None, "600=0 599=1 500=1 499=2 200=2 199=3 50=3 49=4"),
        ("cells/uL", 600, None, None, "500=1 499=2"),
    ],
    "Activated partial thromboplastin time prolonged": [
        ("s", None, 40, None, "40=0 40.1=1 60=1 60.1=2 100=2 100.1=3 500=3")
    ],
    "Fibrinogen decreased": [
        ("g/L", 4, None, None, "4=0 3.99=1 3=1 2.99=2 2=2 1.99=3 1=3 0.99=4 0.5=4 0.49=4"),
        ("g/L", "1.6", None, None, "0.5=3 0.499=4 0.4=4"),
        ("mg/dL", 160, None, None, "160=0 159=1 120=1 119=2 80=2 79=3 50=3 49.9=4"),
        ("g/L", 4, None, 3, "3=0 2.99=1 2.2501=1 2.25=2 1.5001=2 1.5=3 0.7501=3 0.75=4"),
        ("g/L", 4, None, 4, "3.99=1 3=1 2.99=2"),
    ],
    "Blood lactate dehydrogenase increased": [("U/L", None, 250, None, "250=0 250.1=1 9000=1")],
    "Acidosis": [("pH", "7.35", None, None, "7.35=0 7.349=1 7.3=1 7.299=3 6.8=3")],
    "Alkalosis": [("pH", None, "7.45", None, "7.45=0 7.451=1 7.5=1 7.501=3 7.8=3")],
    "Hyperkalemia": [
        ("mmol/L", None, 5, None, "5=0 5.01=1 5.5=1 5.51=2 6=2 6.01=3 7=3 7.01=4"),
        ("mEq/L", None, 5, None, "5.5=1 5.51=2"),
    ],
    "Hypokalemia": [("mmol/L", "3.5", None, None, "3.5=0 3.49=1 3=1 2.99=3 2.5=3 2.49=4")],
    "Hypernatremia": [("mmol/L", None, 145, None, "145=0 145.1=1 150=1 150.1=2 155=2 155.1=3 160=3 160.1=4")],
    "Hyponatremia": [
        ("mmol/L", 135, None, None, "135=0 134.9=1 134=1 130=1 129=2 125=2 124=3 120=3 119=4 119.9=4")
    ],
    "Hypoalbuminemia": [
        ("g/L", 35, None, None, "35=0 34.9=1 30=1 29.9=2 20=2 19.9=3 1=3"),
        ("g/dL", "3.5", None, None, "3=1 2.99=2 2=2 1.99=3"),
    ],
    "Hypoglycemia": [
        ("mmol/L", "3.9", None, None, "3.9=0 3.89=1 3=1 2.99=2 2.2=2 2.19=3 1.7=3 1.69=4"),
        ("mg/dL", 70, None, None, "70=0 69=1 55=1 54=2 40=2 39=3 30=3 29=4"),
    ],
    "Hypertriglyceridemia": [
        ("mmol/L", None, None, None, "1.70=0 1.71=1 3.42=1 3.43=2 5.7=2 5.71=3 11.4=3 11.41=4"),
        ("mg/dL", None, None, None, "149=0 150=1 300=1 301=2 500=2 501=3 1000=3 1001=4"),
    ],
    "Hypercalcemia": [
        ("mmol/L", None, "2.6", None, "2.6=0 2.61=1 2.9=1 2.91=2 3.1=2 3.11=3 3.4=3 3.41=4"),
        ("mg/dL", None, "10.4", None, "10.4=0 10.5=1 11.5=1 11.6=2 12.5=2 12.6=3 13.5=3 13.6=4"),
    ],
    "Hypocalcemia": [
        ("mmol/L", "2.2", None, None, "2.2=0 2.19=1 2=1 1.99=2 1.75=2 1.74=3 1.5=3 1.49=4"),
        ("mg/dL", "8.8", None, None, "8.8=0 8.7=1 8=1 7.9=2 7=2 6.9=3 6=3 5.9=4"),
    ],
    "Hypomagnesemia": [
        ("mmol/L", "0.7", None, None, "0.7=0 0.69=1 0.5=1 0.49=2 0.4=2 0.39=3 0.3=3 0.29=4"),
        ("mg/dL", "1.7", None, None, "1.7=0 1.6=1 1.2=1 1.1=2 0.9=2 0.8=3 0.7=3 0.6=4"),
    ],
}
LIVER = [
    ("U/L", None, 40, None, "40=0 40.1=1 120=1 120.1=2 200=2 200.1=3 800=3 800.1=4"),
    ("U/L", None, 40, 40, "120=1 120.1=2"),
]
DUCT = ("U/L", None, 100, 90, "100=0 100.1=1 250=1 250.1=2 500=2 500.1=3 2000=3 2000.1=4")
BILIRUBIN = ("umol/L", None, 20, 15, "20=0 20.1=1 30=1 30.1=2 60=2 60.1=3 200=3 200.1=4")
INR = [("ratio", None, None, None, "1=0 1.2=0 1.21=1 1.5=1 1.51=2 2.5=2 2.51=3 9=3")]
VERSION_5 = {
    "Platelet count decreased": [
        ("10^9/L", 150, None, None, "150=0 149=1 75=1 74.9=2 50=2 49.9=3 25=3 24.9=4 20=4")
    ],
    "Neutrophil count decreased": [
        ("10^9/L", 2, None, None, "2=0 1.99=1 1.5=1 1.49=2 1=2 0.99=3 0.5=3 0.49=4"),
        ("/mm3", 2000, None, None, "1500=1 1499=2 1000=2 999=3 500=3 499=4"),
    ],
    "Lymphocyte count decreased": [
        ("10^9/L", 1, None, None, "1=0 0.99=1 0.8=1 0.79=2 0.5=2 0.49=3 0.2=3 0.19=4")
    ],
    ALT: [*LIVER, ("U/L", None, 40, 60, "60=0 89.9=0 90=1 180=1 180.1=2 300=2 300.1=3 1200=3 1200.1=4")],
    "Aspartate aminotransferase increased": [
        *LIVER,
        ("U/L", None, 40, 60, "89.9=0 90=1 180=1 180.1=2 300=2 300.1=3 1200=3 1200.1=4"),
    ],
    "Alkaline phosphatase increased": [
        DUCT,
        ("U/L", None, 100, 200, "399=0 400=1 500=1 501=2 1000=2 1001=3 4000=3 4001=4"),
    ],
    "GGT increased": [DUCT, ("U/L", None, 100, 200, "399=0 400=1 500=1 501=2 1000=2 1001=3 4000=3 4001=4")],
    "Blood bilirubin increased": [
        BILIRUBIN,
        ("umol/L", None, 20, 40, "40=0 40.1=1 60=1 60.1=2 120=2 120.1=3 400=3 400.1=4"),
    ],
    CREATININE: [
        ("umol/L", None, 100, None, "100=0 100.1=1 150=1 150.1=2 300=2 300.1=3 600=3 600.1=4"),
        ("umol/L", None, 100, 50, "75=0 75.1=2 150=2 150.1=3 600=3 600.1=4"),
        ("umol/L", None, 100, 160, "160=2 300=2 300.1=3 240.1=2"),
    ],
    "CPK increased": [
        ("U/L", None, 200, None, "200=0 200.1=1 500=1 500.1=2 1000=2 1000.1=3 2000=3 2000.1=4")
    ],
    "INR increased": INR,
}
VERSION_6 = {
    "Thrombocytopenia": [("10^9/L", 150, None, None, "150=0 149=1 75=1 74.9=2 50=2 49.9=3 20=3 10=3 9.9=4")],
    "Platelet count decreased": [("10^9/L", 150, None, None, "149=1 20=3 9.9=4")],
    "Neutrophil count decreased": [
        ("10^9/L", None, None, None, "1.5=0 1.49=1 1=1 0.99=2 0.5=2 0.49=3 0.1=3 0.09=4")
    ],
    ALT: [*LIVER, ("U/L", None, 40, 60, "59.9=0 60=1 90=1 90.1=2 120=2 120.1=3 240=3 240.1=4")],
    "Aspartate aminotransferase increased": [
        *LIVER,
        ("U/L", None, 40, 60, "59.9=0 60=1 90=1 90.1=2 120=2 120.1=3 240=3 240.1=4"),
    ],
    "Alkaline phosphatase increased": [
        ("U/L", None, 100, None, "100=0 100.1=1 9000=1"),
        ("U/L", None, 100, 90, "95=0 100=0 100.1=1"),
        ("U/L", None, 100, 200, "150=0 200=0 200.1=1"),
    ],
    "GGT increased": [DUCT, ("U/L", None, 100, 200, "199=0 200=1 300=1 301=2 600=2 601=3 2000=3 2001=4")],
    "Blood bilirubin increased": [
        BILIRUBIN,
        ("umol/L", None, 20, 40, "39.9=0 40=1 60=1 60.1=2 100=2 100.1=3 400=3 400.1=4"),
    ],
    CREATININE: [
        ("umol/L", 60, 100, None, "100=0 100.1=1 150=1 150.1=2 300=2 300.1=3 600=3 600.1=4"),
        ("umol/L", 60, 100, 60, "90.1=0 100.1=1 180.1=2"),
        ("umol/L", 60, 100, 50, "75=0 75.1=2 150=2 150.1=3 600=3 600.1=4"),
    ],
    "INR increased": INR,
    "Hyperglycemia": [
        ("mmol/L", None, 6, None, "6=0 6.1=1 8.9=1 8.91=2 13.9=2 13.91=3 27.8=3 27.81=4"),
        ("mg/dL", None, 110, None, "110=0 111=1 160=1 161=2 250=2 251=3 500=3 501=4"),
    ],
}
LIMIT = {"LLN": "low", "ULN": "high"}


def number(value):
    return None if value is None else Decimal(value)


def cases():
    for version, tables in {"5.0": (BOTH_VERSIONS, VERSION_5), "6.0": (BOTH_VERSIONS, VERSION_6)}.items():
        for table in tables:
            for term, rows in table.items():
                for unit, low, high, baseline, pairs in rows:
                    for pair in pairs.split():
                        value, _sign, wanted = pair.partition("=")
                        yield version, term, unit, low, high, baseline, value, int(wanted)


@pytest.mark.parametrize("version", ["5.0", "6.0"])
def test_each_threshold_divides_two_grades(version):
    """LAB-04: at, just below and just above each threshold, of each term."""
    wrong = [
        (term, unit, value, wanted, found)
        for stated, term, unit, low, high, baseline, value, wanted in cases()
        if stated == version
        and (
            found := grade(
                term,
                Decimal(value),
                unit=unit,
                low=number(low),
                high=number(high),
                baseline=number(baseline),
                version=version,
            )
        )
        != wanted
    ]
    assert wrong == []


def test_version_5_has_the_28_laboratory_terms():
    assert len(BOTH_VERSIONS) + len(VERSION_5) == 28 + 3  # calcium, high and low, and magnesium beside them
    assert all(criteria_of(term, "5.0") for term in (*BOTH_VERSIONS, *VERSION_5))


def test_the_version_decides():
    """LAB-02: platelets of 20 are grade 4 in version 5.0 and grade 3 in version 6.0."""
    platelets = ("Platelet count decreased", Decimal(20))
    assert grade(*platelets, unit="10^9/L", version="5.0") == 4
    assert grade(*platelets, unit="10^9/L", version="6.0") == 3
    assert grade(*platelets, unit="10^9/L") == 4
