"""The outcomes of NCT04361942 (MSV), by rules written from the registries' texts."""

from collections.abc import Callable

from tests.exports.rebuilding.rebuilt import (
    Numbers,
    Rebuilt,
    Truth,
    any_of,
    both,
    day_of,
    days,
    hours,
    negated,
    ordered,
    reactions,
    within,
)
from tests.exports.rebuilding.sources import IMV, Episode, Person

AT_CHANGES = ("D7", "D14", "D28", "D90", "D180")
AT_SIGNS = ("D1", "D2", "D3", "D7")
NORMAL = ("chest_imaging.ct_findings__NORMAL", "chest_imaging.xray_findings__NORMAL")
CHANGES = {
    **{f"M-S3 {name}": (f"haematology.{name}", ("INF1", "SCR"), AT_CHANGES)
       for name in ("wbc", "neutrophils", "lymphocytes", "monocytes", "eosinophils", "basophils")},
    **{f"M-S4 {name}": (f"lymphocyte_subsets.{name}", ("INF1",), AT_CHANGES)
       for name in ("cd3", "cd19", "nk", "cd4_cd8_ratio", "treg_percent")},
    **{f"M-S5 {name}": (f"cytokines.{name}", ("INF1",), AT_CHANGES)
       for name in ("il10", "il6", "ip10", "tnf_alpha")},
    "M-S1 pf_change": ("blood_gas.pf_ratio", ("INF1", "SCR"), AT_SIGNS),
    "M-S2 score_change": ("ct_score.total", ("SCR",), ("D7", "D28")),
}  # fmt: skip
ITEMS = (
    *sorted({item for item, _before, _at in CHANGES.values()}),
    "vitals.temp", "vitals.dyspnoea", "vitals.spo2", "chest_imaging.ct_change", "respiratory_support.support",
)  # fmt: skip


class Ventilation:
    """Whether a patient was ventilated at the dose, and withdrawn from it by a day."""

    def __init__(self, made: Rebuilt) -> None:
        self.made = made

    def episodes(self, person: Person) -> list[Episode]:
        return [each for each in person.episodes if each.kind == IMV]

    def before_dose(self, person: Person, each: Episode) -> Truth:
        return ordered(each.start, person.doses[0])

    def at_dose(self, person: Person) -> Truth:
        support = person.values.get(("INF1", "respiratory_support.support"))
        logged = any_of(
            both(
                each.kind == IMV,
                self.before_dose(person, each) if each.kind == IMV else False,
                True if each.ongoing else ordered(person.doses[0], each.end),
            )
            for each in person.episodes
        )
        at_visit = None if support is None else support in (IMV, "INVASIVE MECHANICAL VENTILATION")
        return any_of([at_visit, logged])

    def withdrawn(self, person: Person, last: int) -> Truth:
        """Return None, too, if no episode of ventilation began before the dose: the log does not tell."""
        begun = any_of(
            both(each.kind == IMV, self.before_dose(person, each)) if each.kind == IMV else False
            for each in person.episodes
        )
        if begun is not True:
            return None
        return self.ended(person, last)

    def follows(self, each: Episode, later: Episode) -> Truth:
        if later.kind != IMV:
            return False
        if not each.end or not later.start:
            return None
        return both(later.start > each.end, within(*hours(each.end, later.start, self.made.zone), 0, 48))

    def reintubated(self, person: Person) -> Truth:
        """Return whether ventilation began again within 48 hours after it had ended."""
        found = [
            both(
                self.before_dose(person, each),
                not each.ongoing,
                any_of(self.follows(each, later) for later in person.episodes),
            )
            if each.kind == IMV
            else False
            for each in person.episodes
        ]
        return any_of(found)

    def ended(self, person: Person, last: int) -> Truth:
        dose = person.doses[0]
        found = [
            both(
                self.before_dose(person, each), not each.ongoing, each.because not in ("DEATH", "DIED"),
                each.end > dose if each.end else None,
                within(*days(day_of(dose), each.end, self.made.zone), 0, last) if each.end else None,
            ) if each.kind == IMV else False
            for each in person.episodes
        ]  # fmt: skip
        return both(any_of(found), negated(self.made.died_by(person, day_of(dose), last)))


def covid_msv(people: list[Person]) -> dict[tuple[str, str, str], Numbers]:
    made = Rebuilt(people, "Europe/Madrid")
    arms = ("", *sorted({each.arm for each in people}))
    infused = [each for each in people if each.doses]
    told = Ventilation(made)
    at_dose = {each.code: told.at_dose(each) for each in infused}
    ventilated = [each for each in infused if at_dose[each.code] is not False]

    def among(person: Person, answer: Truth) -> Truth:
        return None if at_dose[person.code] is None else answer

    for code, last in (("by_day_7", 7), ("before_day_7", 6)):
        answers = [(each, among(each, told.withdrawn(each, last))) for each in ventilated]
        made.proportion(f"M-P1 {code}", answers, by=arms)
    of_all = [
        (each, both(at_dose[each.code], told.withdrawn(each, 7)) if each.doses else None) for each in people
    ]
    made.proportion("M-P1 of_all", of_all, "INF1", by=arms)
    on_time = [each for each in infused if 0 <= (day_of(each.doses[0]) - each.included).days <= 1]
    per_protocol = [(each, both(at_dose[each.code], told.withdrawn(each, 7))) for each in on_time]
    made.proportion("M-P1 per_protocol", per_protocol, "INF1", by=arms)
    withdrawn = [(each, both(at_dose[each.code], told.ended(each, 7))) for each in ventilated]
    again = [
        (each, told.reintubated(each) if member else None)
        for each, member in withdrawn
        if member is not False
    ]
    made.proportion("M-P1 reintubated", again)
    by_dose = [(each, made.died_by(each, made.dose_day(each), 28)) for each in infused]
    made.proportion("M-P2 from_dose", by_dose, by=arms)
    by_diagnosis = [(each, made.died_by(each, each.diagnosed, 28)) for each in people]
    made.proportion("M-P2 from_diagnosis", by_diagnosis, by=arms)
    made.times("M-P2 survival", infused, made.dose_day, 28)
    _signs(made, infused)
    for key, (item, baseline, at) in CHANGES.items():
        made.changes(key, infused, item, baseline, at)
    for code, rule in reactions().items():
        if not code.startswith("ar_"):
            made.events(f"M-S6 {code}", infused, rule, (0, 180), made.dose_day)
    return made.numbers


def first_time(
    made: Rebuilt,
    key: str,
    people: list[Person],
    at: tuple[str, ...],
    sign: Callable[[Person, str], Truth],
    last: int,
) -> None:
    """Count patients with a sign at a visit in the window; death before it and the last answered visit are without."""
    answers: list[tuple[Person, Truth]] = []
    for person in people:
        start, until, answer = day_of(person.doses[0]), False, None
        for visit in at:
            found, on = sign(person, visit), person.visits.get(visit)
            if on is None or found is None:
                continue
            if found and (on - start).days <= last:
                answer = True
                break
            until = True
        if answer is None:
            least, most = days(start, person.died, made.zone) if person.died else (last + 1, last + 1)
            answer = None if least <= last < most else False if until or most <= last else None
        answers.append((person, answer))
    made.proportion(key, answers)


def _signs(made: Rebuilt, people: list[Person]) -> None:
    """The four signs of a clinical response, and all of them together."""

    def above(item: str, limit: float) -> Callable[[Person, str], Truth]:
        return lambda person, visit: (
            None if (v := person.values.get((visit, item))) is None else float(v) > limit
        )

    def cool(person: Person, visit: str) -> Truth:
        value = person.values.get((visit, "vitals.temp"))
        return None if value is None else float(value) < 37.5

    def easy(person: Person, visit: str) -> Truth:
        value = person.values.get((visit, "vitals.dyspnoea"))
        return None if value is None else value in ("N", False)

    signs = {
        "no_fever": cool,
        "no_dyspnoea": easy,
        "saturation": above("vitals.spo2", 93),
        "oxygenation": above("blood_gas.pf_ratio", 300),
    }
    for visit in AT_SIGNS:
        for code, sign in signs.items():
            made.proportion(f"M-S1 {code}", [(each, sign(each, visit)) for each in people], visit)
        whole = [(each, both(*(sign(each, visit) for sign in signs.values()))) for each in people]
        made.proportion("M-S1 response", whole, visit)
    every = (*AT_SIGNS, "D14", "D28", "D60", "D90", "D180")
    first_time(
        made,
        "M-S6 recovery",
        people,
        every,
        lambda each, visit: both(cool(each, visit), easy(each, visit)),
        180,
    )
    first_time(made, "M-S6 normal_imaging", people, AT_CHANGES, _normal, 180)
    better = [
        (
            each,
            None
            if (v := each.values.get(("D28", "chest_imaging.ct_change"))) is None
            else v in ("CLEARED", "BETTER"),
        )
        for each in people
    ]
    made.proportion("M-S2 by_report", better, "D28")
    made.proportion("M-S2 by_score", [(each, _fewer(each)) for each in people], "D28")


def _normal(person: Person, visit: str) -> Truth:
    found = [person.values.get((visit, item)) for item in NORMAL]
    return any_of(None if each is None else each in (1, True, "Y") for each in found)


def _fewer(person: Person) -> Truth:
    """Return whether the CT score fell by a quarter or by a class: 0 to 7, 8 to 17, 18 to 25."""
    before, now = (person.values.get((visit, "ct_score.total")) for visit in ("SCR", "D28"))
    if before is None or now is None:
        return None
    classes = [0 if float(score) <= 7 else 1 if float(score) <= 17 else 2 for score in (before, now)]
    return float(now) <= 0.75 * float(before) or classes[1] < classes[0]
