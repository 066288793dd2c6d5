"""Deaths that the forms and the adverse events report differently (DAT-08)."""

from collections import defaultdict

from patients.models import Record
from protocol.values.moments import Moment
from safety.classification import FATAL, death_differs
from safety.models import AdverseEvent
from trials.models import Trial


def deaths_disagreeing(trial: Trial) -> dict[int, int]:
    """Return 1 for each patient who died without a fatal event, or with one that ended on another day. Two queries."""
    path = trial.rules.profile.died_on
    if path is None:
        return {}
    form, _dot, item = path.partition(".")
    rows = Record.objects.filter(patient__trial=trial, form=form).exclude(state=Record.State.STRUCK_OUT)
    captured_days = rows.order_by("pk").values_list("patient_id", "values")
    died = {patient: values[item] for patient, values in captured_days if isinstance(values.get(item), str)}
    fatal = defaultdict(list)
    for event in AdverseEvent.objects.filter(trial=trial, outcome=FATAL).not_in_error().order_by():
        fatal[event.patient_id].append(event)
    zone = trial.rules.trial.site.time_zone
    return {
        patient: 1
        for patient, day in died.items()
        if not fatal[patient]
        or any(death_differs(FATAL, each.end_moment, Moment.from_iso(day, zone)) for each in fatal[patient])
    }
