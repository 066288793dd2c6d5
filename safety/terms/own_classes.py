"""The system organ class of each term of the own list, as CTCAE v5.0 groups its terms. No Django.

For events that are not coded in a dictionary: listings and tables by class need one for every term that is known.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from safety.terms.own_list import term_of

CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "Blood and lymphatic system disorders": (
        "Anemia", "Disseminated intravascular coagulation", "Leukocytosis",
    ),
    "Cardiac disorders": (
        "Atrial fibrillation", "Cardiac arrest", "Myocardial infarction", "Sinus bradycardia", "Sinus tachycardia",
        "Ventricular fibrillation",
    ),
    "Gastrointestinal disorders": ("Diarrhea", "Nausea", "Vomiting"),
    "General disorders and administration site conditions": (
        "Chills", "Death NOS", "Fatigue", "Fever", "Injection site reaction", "Multi-organ failure", "Pain",
    ),
    "Immune system disorders": ("Allergic reaction", "Anaphylaxis", "Cytokine release syndrome"),
    "Infections and infestations": (
        "Catheter related infection", "Lung infection", "Sepsis", "Urinary tract infection",
    ),
    "Injury, poisoning and procedural complications": ("Infusion related reaction",),
    "Investigations": (
        "Activated partial thromboplastin time prolonged", "Alanine aminotransferase increased",
        "Alkaline phosphatase increased", "Aspartate aminotransferase increased", "Blood bilirubin increased",
        "Blood lactate dehydrogenase increased", "CD4 lymphocytes decreased", "CPK increased", "Creatinine increased",
        "Fibrinogen decreased", "GGT increased", "INR increased", "Lymphocyte count decreased",
        "Lymphocyte count increased", "Neutrophil count decreased", "Platelet count decreased",
        "White blood cell decreased",
    ),
    "Metabolism and nutrition disorders": (
        "Acidosis", "Alkalosis", "Hypercalcemia", "Hyperglycemia", "Hyperkalemia", "Hypernatremia",
        "Hypertriglyceridemia", "Hypoalbuminemia", "Hypocalcemia", "Hypoglycemia", "Hypokalemia", "Hypomagnesemia",
        "Hyponatremia",
    ),
    "Musculoskeletal and connective tissue disorders": ("Back pain",),
    "Nervous system disorders": ("Dizziness", "Headache", "Seizure", "Stroke"),
    "Psychiatric disorders": ("Confusion", "Delirium", "Insomnia"),
    "Renal and urinary disorders": ("Acute kidney injury",),
    "Respiratory, thoracic and mediastinal disorders": (
        "Adult respiratory distress syndrome", "Bronchospasm", "Cough", "Dyspnea", "Epistaxis", "Hypoxia",
        "Pleural effusion", "Pneumonitis", "Pneumothorax", "Respiratory failure",
    ),
    "Skin and subcutaneous tissue disorders": ("Pruritus", "Rash maculo-papular", "Urticaria"),
    "Vascular disorders": ("Flushing", "Hypertension", "Hypotension", "Thromboembolic event"),
}  # fmt: skip


@cache
def _by_term() -> dict[str, str]:
    return {term: name for name, terms in CLASSES.items() for term in terms}


def class_of(text: str) -> str:
    """Return the class of a typed term; empty for one that the own list does not have."""
    term = term_of(text)
    return "" if term is None else _by_term()[term]
