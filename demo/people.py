"""People of a training installation: one for each role."""

from datetime import timedelta

from accounts.models import User
from trials.models import Delegation, Trial
from trials.roles import ROLES

NAMES = {
    "coordinator": "Claire Lambert",
    "investigator": "Dr Etienne Louis",
    "principal_investigator": "Prof. Anne Dubois",
    "cell_laboratory": "Nadia Servais",
    "pharmacist": "Laura Sanz",
    "monitor": "Miguel Ortega",
    "unblinded_monitor": "Eva Lindner",
    "data_manager": "Anke Peeters",
    "statistician": "Rosa Delgado",
    "blinded_statistician": "Tom Claes",
    "sponsor_representative": "Jan De Vos",
    "sponsor_safety": "Marta Ruiz",
    "data_monitoring_board": "Prof. Karl Winter",
    "administrator": "Paul Renard",
    "inspector": "Ines Moreau",
}


def make_people(trials: list[Trial], password: str) -> dict[str, User]:
    """Create one person per role, who holds it in every trial. Return them by role."""
    people = {}
    today = min(trial.today for trial in trials)
    for code, role in ROLES.items():
        user = User.objects.filter(username=code).first() or User.objects.create_user(
            code, password, full_name=NAMES[code], identity_verified_on=today, is_demo=True
        )
        people[code] = user
        for trial in trials:
            until = today + timedelta(days=60) if role.time_boxed else None
            Delegation.objects.get_or_create(
                user=user,
                trial=trial,
                role=code,
                defaults={"starts_on": today - timedelta(days=200), "ends_on": until},
            )
    return people
