"""Stories of the invented patients. Days count from inclusion."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    """An adverse event of a story. `day` is its study day, `days` its duration; None means ongoing."""

    day: int
    term: str
    grade: int
    days: int | None
    seriousness: frozenset[str] = frozenset({"none_of_these"})
    causality: str = "unlikely"
    outcome: str = "recovered"
    action: str = "none"
    aesi: str = ""
    reported: bool = True


@dataclass(frozen=True)
class Story:
    """The course of one invented patient. `days_ago` is the day of inclusion or screening, counted from today."""

    days_ago: int
    ends: str = ""
    end_day: int | None = None
    stage: str = "follow_up"
    entered_until: int | None = None
    infusions: int = 9
    consent: str = "patient"
    capacity_day: int | None = None
    signed: bool = False
    events: tuple[Event, ...] = field(default=())


HEADACHE = Event(1, "Headache", 1, 1, causality="possible")
FEVER = Event(0, "Pyrexia", 1, 1, causality="probable")
CHILLS = Event(4, "Infusion related reaction", 2, 1, causality="definite", action="interrupted")
PNEUMONIA = Event(
    9,
    "Ventilator-associated pneumonia",
    3,
    8,
    frozenset({"hospitalisation"}),
    causality="unlikely",
    aesi="INFECTION_BACTERIAL",
)
THROMBOSIS = Event(
    12,
    "Deep vein thrombosis",
    3,
    20,
    frozenset({"medically_important"}),
    causality="possible",
    aesi="THROMBOEMBOLIC",
)
ANAEMIA = Event(6, "Anaemia", 2, None, causality="not_related", outcome="not_recovered")
FAILURE = Event(
    12, "Multiple organ failure", 5, 0, frozenset({"results_in_death"}), causality="unlikely", outcome="fatal"
)
FRESH = Event(
    14,
    "Pulmonary embolism",
    4,
    None,
    frozenset({"life_threatening", "hospitalisation"}),
    causality="possible",
    outcome="not_recovered",
    aesi="THROMBOEMBOLIC",
    reported=False,
)

# Of a patient whom the story does not name: see `demo.cases`.
ARRHYTHMIA = Event(
    10, "Atrial fibrillation", 4, 3, frozenset({"life_threatening"}), causality="possible", aesi="ARRHYTHMIA"
)

STORIES = (
    Story(118, ends="completed", signed=True, events=(FEVER, HEADACHE)),
    Story(86, entered_until=58, signed=True, events=(ANAEMIA, PNEUMONIA)),
    Story(61, ends="death", end_day=12, events=(FAILURE,)),
    Story(52, ends="withdrawal", end_day=20, events=(HEADACHE,)),
    Story(40, signed=True, events=(CHILLS, THROMBOSIS)),
    Story(30, consent="legal_representative", capacity_day=15, events=(FEVER,)),
    Story(24, events=(PNEUMONIA,)),
    Story(16, entered_until=12, events=(FRESH,)),
    Story(9, events=(FEVER, CHILLS)),
    Story(4, infusions=1, events=(HEADACHE,)),
    Story(0, infusions=0),
    Story(1, stage="eligible"),
    Story(1, stage="screening"),
    Story(20, stage="screen_failed"),
)
