"""Protocol files of two replayed studies: a published design with the form and the outcomes that its tables have."""

from tests.support.protocols.thirteen_designs import DESIGNS, follow_up

STATUS = """
[forms.status]
title = { en = "Vital status" }
items = [
  { name = "alive", type = "yes_no", label = { en = "Alive" } },
  { name = "contact_on", type = "date", label = { en = "Last contact" } },
]
[profile]
age = "body.age"
sex = "body.sex"
weight = "body.weight"
last_contact_on = "status.contact_on"
"""
OUTCOMES = """
[[outcomes]]
id = "SURVIVAL"
type = "primary"
title = {{ en = "Survival" }}
window_days = [0, 60]
day_zero = "{day_zero}"
[[outcomes.readings]]
code = "time"
title = {{ en = "Time to death" }}
measure = "time_to_event"
endpoint = "subject.died_on"
compare = {compare}
[[outcomes]]
id = "SERIOUS"
type = "secondary"
title = {{ en = "Serious adverse events" }}
window_days = [0, 28]
day_zero = "{day_zero}"
[[outcomes.readings]]
code = "patients"
title = {{ en = "Patients with a serious event" }}
measure = "proportion"
event = "event.serious"
compare = {compare}
[[outcomes.readings]]
code = "all"
title = {{ en = "Adverse events" }}
measure = "count"
event = "true"
"""


def _text(design: str, days: tuple[int, ...], *, day_zero: str, compare: str) -> str:
    """Return the file of a design whose follow-up visits ask the vital status."""
    found = next(each for each in DESIGNS if each.id == design)
    start = found.visits.index('[[visits]]\ncode = "D')
    asked = follow_up(*days).replace('"body"', '"status"')
    text = found.text.replace(found.visits, found.visits[:start] + asked)
    outcomes = OUTCOMES.format(day_zero=day_zero, compare=compare)
    if not found.arms:
        outcomes = outcomes.replace(f"compare = {compare}\n", "")
    return text + STATUS + outcomes


LANZONI = _text("LANZONI", (28, 60, 90), day_zero="inclusion", compare='"arms"')
LIEGE = _text("LIEGE", (28, 90), day_zero="infusion_1", compare="")
