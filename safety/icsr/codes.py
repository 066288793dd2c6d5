"""Code lists and object identifiers of E2B(R3), as ICH and the European agency publish them."""

ICH = "2.16.840.1.113883.3.989.2.1"
LIST, ID = f"{ICH}.1", f"{ICH}.3"
EU = "2.16.840.1.113883.3.989.5.1.1.5"
OBSERVATION, CATEGORY, AUTHOR, REPORT, CHARACTERISTIC = (
    f"{LIST}.{number}" for number in (19, 20, 21, 22, 23)
)
MEDDRA = "2.16.840.1.113883.6.163"
COUNTRY, SEX, LANGUAGE = "1.0.3166.1.2.2", "1.0.5218", "1.0.639.2"
INTERPRETATION = "2.16.840.1.113883.5.83"
EDQM_ROUTE = "0.4.0.127.0.16.1.1.2.6"
EU_METHOD, EU_RESULT, EU_SOURCE = f"{EU}.2", f"{EU}.3", f"{EU}.4"

SERIOUSNESS = {
    "a": ("34", "resultsInDeath"),
    "b": ("21", "isLifeThreatening"),
    "c": ("33", "requiresInpatientHospitalization"),
    "d": ("35", "resultsInPersistentOrSignificantDisability"),
    "e": ("12", "congenitalAnomalyBirthDefect"),
    "f": ("26", "otherMedicallyImportantCondition"),
}
# Codes that an element allows, by its id.
ALLOWED: dict[str, frozenset[str]] = {
    "C.1.3": frozenset("1234"),
    "C.1.8.2": frozenset("12"),
    "C.1.11.1": frozenset("12"),
    "C.2.r.4": frozenset("12345"),
    "C.3.1": frozenset("1234567"),
    "C.5.4": frozenset("123"),
    "D.5": frozenset("12"),
    "E.i.3.1": frozenset("1234"),
    "E.i.7": frozenset("012345"),
    "F.r.3.1": frozenset("1234"),
    "G.k.1": frozenset("1234"),
    "G.k.8": frozenset("123409"),
    "G.k.9.i.4": frozenset("1234"),
    "G.k.10.r": frozenset(map(str, range(1, 12))),
    "G.k.9.i.2.r.3.EU.1": frozenset("12"),
}
AGE_UNITS = frozenset({"a", "mo", "wk", "d", "h", "{decade}"})
DURATION_UNITS = frozenset({"s", "min", "h", "d", "wk", "mo", "a"})
INTERVAL_UNITS = frozenset({"a", "mo", "wk", "d", "h", "min", "{cyclical}", "{asnecessary}", "{total}"})
STUDY_REPORT, SUSPECT_ROLES, PATIENT_SENDER = "2", frozenset("134"), "7"
FATAL_OUTCOME = "5"
