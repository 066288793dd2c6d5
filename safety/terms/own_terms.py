"""CTCAE terms that these trials use most, with other names of each and the grades that exist. No Django.

The grades are facts of CTCAE v5.0, with what v6.0 changed; the other names are our own. The full dictionary is licensed
or loaded separately: a term that is not here is typed freely and takes every grade.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ALL = (1, 2, 3, 4, 5)
TO_3, TO_4, FROM_2, FROM_3, FROM_4 = (1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5), (4, 5)


@dataclass(frozen=True, slots=True)
class OwnTerm:
    """A term, the grades that exist for it, and its other names in English, French and Spanish."""

    grades: tuple[int, ...]
    others: tuple[str, ...] = ()


TERMS: Final[Mapping[str, OwnTerm]] = {
    # infusion and immune reactions
    "Infusion related reaction": OwnTerm(ALL, (
        "Infusion reaction", "Réaction à la perfusion", "Reacción a la infusión",
    )),
    "Allergic reaction": OwnTerm(ALL, ("Allergy", "Hypersensitivity", "Réaction allergique", "Reacción alérgica")),
    "Anaphylaxis": OwnTerm(FROM_3, ("Anaphylactic reaction", "Anaphylactic shock", "Anaphylaxie", "Anafilaxia")),
    "Cytokine release syndrome": OwnTerm(ALL, ("CRS", "Cytokine storm")),
    "Fever": OwnTerm(ALL, ("Pyrexia", "Raised temperature", "Fièvre", "Fiebre")),
    "Chills": OwnTerm(TO_3, ("Rigors", "Shivering", "Frissons", "Escalofríos")),
    "Flushing": OwnTerm(TO_3, ("Hot flush", "Bouffée vasomotrice", "Rubefacción")),
    "Urticaria": OwnTerm(TO_3, ("Hives", "Urticaire")),
    "Pruritus": OwnTerm(TO_3, ("Itching", "Prurit", "Prurito")),
    "Rash maculo-papular": OwnTerm(TO_3, ("Rash", "Skin rash", "Éruption cutanée", "Exantema")),
    # heart and vessels
    "Hypotension": OwnTerm(ALL, ("Low blood pressure", "Hypotension artérielle", "Hipotensión")),
    "Hypertension": OwnTerm(ALL, ("High blood pressure", "Hypertension artérielle", "Hipertensión")),
    "Thromboembolic event": OwnTerm(ALL, (
        "Venous thromboembolism", "Deep vein thrombosis", "DVT", "Pulmonary embolism", "Thrombosis",
        "Embolie pulmonaire", "Tromboembolismo",
    )),
    "Sinus tachycardia": OwnTerm(TO_3, ("Tachycardia", "Tachycardie", "Taquicardia")),
    "Sinus bradycardia": OwnTerm(ALL, ("Bradycardia", "Bradycardie")),
    "Atrial fibrillation": OwnTerm(ALL, ("AF", "Fibrillation auriculaire", "Fibrilación auricular")),
    "Ventricular fibrillation": OwnTerm(FROM_4, ("VF", "Fibrillation ventriculaire")),
    "Cardiac arrest": OwnTerm(FROM_4, ("Asystole", "Arrêt cardiaque", "Parada cardíaca")),
    "Myocardial infarction": OwnTerm(FROM_2, ("Heart attack", "Infarctus du myocarde", "Infarto de miocardio")),
    "Stroke": OwnTerm(ALL, ("Cerebrovascular accident", "CVA", "Accident vasculaire cérébral", "Ictus")),
    # lungs
    "Hypoxia": OwnTerm(FROM_2, ("Hypoxaemia", "Hypoxemia", "Desaturation", "Hypoxémie", "Hipoxemia")),
    "Dyspnea": OwnTerm(ALL, ("Dyspnoea", "Breathlessness", "Shortness of breath", "Dyspnée", "Disnea")),
    "Cough": OwnTerm(TO_3, ("Toux", "Tos")),
    "Bronchospasm": OwnTerm(ALL, ("Bronchospasme", "Broncoespasmo")),
    "Respiratory failure": OwnTerm(FROM_4, ("Insuffisance respiratoire", "Insuficiencia respiratoria")),
    "Adult respiratory distress syndrome": OwnTerm(FROM_3, (
        "ARDS", "Acute respiratory distress syndrome", "SDRA",
    )),
    "Pneumonitis": OwnTerm(ALL, ("Lung inflammation", "Neumonitis")),
    "Pneumothorax": OwnTerm(ALL, ("Collapsed lung", "Neumotórax")),
    "Pleural effusion": OwnTerm(ALL, ("Épanchement pleural", "Derrame pleural")),
    "Epistaxis": OwnTerm(ALL, ("Nosebleed", "Nose bleed", "Épistaxis")),
    # infections and organ failure
    "Lung infection": OwnTerm(FROM_2, ("Pneumonia", "Ventilator associated pneumonia", "VAP", "Pneumonie", "Neumonía")),
    "Sepsis": OwnTerm(FROM_3, ("Septic shock", "Septicaemia", "Choc septique", "Choque séptico")),
    "Urinary tract infection": OwnTerm(FROM_2, ("UTI", "Cystitis", "Infection urinaire", "Infección urinaria")),
    "Catheter related infection": OwnTerm(FROM_2, ("Line infection", "Infection de cathéter")),
    "Multi-organ failure": OwnTerm(FROM_3, (
        "Multiple organ failure", "Multiple organ dysfunction", "Multiorgan failure", "MOF",
        "Défaillance multiviscérale", "Fallo multiorgánico",
    )),
    "Acute kidney injury": OwnTerm(FROM_3, ("AKI", "Acute renal failure", "Insuffisance rénale aiguë")),
    "Disseminated intravascular coagulation": OwnTerm(FROM_2, ("DIC", "CIVD")),
    "Death NOS": OwnTerm((5,), ("Death", "Décès", "Muerte")),
    # nerves and mind
    "Headache": OwnTerm(TO_3, ("Cephalgia", "Céphalée", "Cefalea")),
    "Dizziness": OwnTerm(TO_3, ("Vertiges", "Mareo")),
    "Insomnia": OwnTerm(TO_3, ("Sleeplessness", "Insomnie")),
    "Confusion": OwnTerm(TO_4, ("Confusión",)),
    "Delirium": OwnTerm(ALL, ("Délire",)),
    "Seizure": OwnTerm(ALL, ("Convulsion", "Fit", "Crise d’épilepsie")),
    # general, gut, pain
    "Fatigue": OwnTerm(TO_3, ("Tiredness", "Asthenia", "Fatiga")),
    "Nausea": OwnTerm(TO_3, ("Feeling sick", "Nausée", "Náuseas")),
    "Vomiting": OwnTerm(ALL, ("Emesis", "Vomissements", "Vómitos")),
    "Diarrhea": OwnTerm(ALL, ("Diarrhoea", "Diarrhée", "Diarrea")),
    "Back pain": OwnTerm(TO_3, ("Backache", "Lombalgie", "Dolor de espalda")),
    "Pain": OwnTerm(TO_3, ("Douleur", "Dolor")),
    "Injection site reaction": OwnTerm(ALL, ("Injection site pain",)),
    # laboratory
    "Anemia": OwnTerm(ALL, ("Anaemia", "Anémie")),
    "Leukocytosis": OwnTerm(FROM_3, ("Leucocytosis",)),
    "White blood cell decreased": OwnTerm(TO_4, ("Leukopenia", "Leucopenia", "Leucopénie")),
    "Neutrophil count decreased": OwnTerm(TO_4, ("Neutropenia", "Neutropénie")),
    "Lymphocyte count decreased": OwnTerm(TO_4, ("Lymphopenia", "Lymphopénie", "Linfopenia")),
    "Lymphocyte count increased": OwnTerm((2, 3), ("Lymphocytosis",)),
    "Platelet count decreased": OwnTerm(TO_4, ("Thrombocytopenia", "Thrombopénie", "Trombocitopenia")),
    "CD4 lymphocytes decreased": OwnTerm(TO_4),
    "Alanine aminotransferase increased": OwnTerm(TO_4, ("ALT increased", "Raised ALT", "ALAT")),
    "Aspartate aminotransferase increased": OwnTerm(TO_4, ("AST increased", "Raised AST", "ASAT")),
    "Alkaline phosphatase increased": OwnTerm(TO_4, ("ALP increased",)),
    "GGT increased": OwnTerm(TO_4, ("Gamma-GT increased",)),
    "Blood bilirubin increased": OwnTerm(TO_4, ("Hyperbilirubinaemia", "Hyperbilirubinemia")),
    "Creatinine increased": OwnTerm(TO_4, ("Raised creatinine",)),
    "INR increased": OwnTerm(TO_3),
    "Activated partial thromboplastin time prolonged": OwnTerm(TO_3, ("aPTT prolonged",)),
    "Fibrinogen decreased": OwnTerm(TO_4, ("Hypofibrinogenaemia",)),
    "Blood lactate dehydrogenase increased": OwnTerm((1,), ("LDH increased",)),
    "CPK increased": OwnTerm(TO_4, ("Creatine kinase increased",)),
    "Hyperkalemia": OwnTerm(ALL, ("Hyperkalaemia", "High potassium")),
    "Hypokalemia": OwnTerm(ALL, ("Hypokalaemia", "Low potassium")),
    "Hypernatremia": OwnTerm(ALL, ("Hypernatraemia", "High sodium")),
    "Hyponatremia": OwnTerm(ALL, ("Hyponatraemia", "Low sodium")),
    "Hypercalcemia": OwnTerm(ALL, ("Hypercalcaemia",)),
    "Hypocalcemia": OwnTerm(ALL, ("Hypocalcaemia",)),
    "Hypomagnesemia": OwnTerm(ALL, ("Hypomagnesaemia",)),
    "Hypoalbuminemia": OwnTerm(ALL, ("Hypoalbuminaemia", "Low albumin")),
    "Hyperglycemia": OwnTerm(ALL, ("Hyperglycaemia", "High glucose")),
    "Hypoglycemia": OwnTerm(ALL, ("Hypoglycaemia", "Low glucose")),
    "Hypertriglyceridemia": OwnTerm(ALL),
    "Acidosis": OwnTerm((1, 3, 4, 5), ("Acidose",)),
    "Alkalosis": OwnTerm((1, 3, 4, 5), ("Alcalose",)),
}  # fmt: skip

CHANGED_GRADES: Final[Mapping[str, Mapping[str, tuple[int, ...]]]] = {
    "6.0": {"Hypoxia": ALL, "Alkaline phosphatase increased": (1,)},
}
"""By version, the terms whose grades differ from those of v5.0."""
