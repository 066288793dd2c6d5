"""Identifying data as they may be stored: no hidden signs, and a date of birth that is a date."""

from datetime import date

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from protocol.values.hidden_signs import first_hidden_sign
from protocol.values.moments import parse_moment
from protocol.values.refusals import ValueRefused
from trials.models import Trial
from trials.reader import shown_day, shown_moment, shown_sentence

IDENTITY_FIELDS = ("name", "hospital_number", "birth_date", "contact")
SEVERAL_LINES = frozenset({"contact"})
OLDEST_YEARS = 120


def checked_identity(identity: dict[str, str], trial: Trial) -> dict[str, str]:
    """Return the four fields as they are stored. Raises ValidationError with every refusal beside its field.

    identity: typed texts by field; a field that is missing is empty. The date of birth is stored as `1956`, `1956-03`
    or `1956-03-12`, and read as a person types it at the site of the trial.
    """
    found, refused = {}, {}
    for name in IDENTITY_FIELDS:
        text = identity.get(name, "").strip()
        if sign := first_hidden_sign(text, lines=name in SEVERAL_LINES):
            refused[name] = hidden_sign_sentence(sign)
        try:
            found[name] = _birth_date(text, trial) if name == "birth_date" and text else text
        except ValueRefused as refusal:
            refused[name] = shown_sentence(refusal)
        except ValidationError as refusal:
            refused[name] = str(refusal.message)
    if refused:
        raise ValidationError(refused)
    return found


def hidden_sign_sentence(sign: str) -> str:
    """Return why a text with a hidden sign, such as `U+200B`, is refused."""
    return _("There is a sign in it that nobody can see (%(sign)s). Type it again instead of pasting it.") % {
        "sign": sign
    }


def shown_birth_date(stored: str) -> str:
    """Return a stored date of birth in the reader's language; a text of an older version that is no date unchanged."""
    try:
        return shown_moment(stored)
    except ValueError:
        return stored


def _birth_date(text: str, trial: Trial) -> str:
    moment = parse_moment(text, str(trial.zone))
    today = trial.today
    if moment.hour is not None:
        raise ValidationError(_("Type the day of birth without a time."))
    if moment.first_day > today:
        raise ValidationError(_("This day has not come yet. Check the year."))
    if moment.last_day < _years_before(today, OLDEST_YEARS):
        raise ValidationError(
            _("Nobody born before %(day)s is alive. Check the year.")
            % {"day": shown_day(_years_before(today, OLDEST_YEARS))}
        )
    return moment.iso


def _years_before(day: date, years: int) -> date:
    # The first of the month: the day itself may not exist, as a 29 February.
    return day.replace(year=day.year - years, day=1)
