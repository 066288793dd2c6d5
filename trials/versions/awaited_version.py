"""A trial of which no protocol version is in force: its version is still to come, or was withdrawn."""

from django.utils.translation import gettext as _

from trials.models import Trial
from trials.reader import shown_day


def awaited_words(trial: Trial) -> str:
    """Return the message why nobody can be screened yet; empty if a version is in force. May cost a query."""
    version = trial.awaited_notice
    if version is None:
        return ""
    if version.withdrawn_at is not None:
        sentence = _(
            "Version %(version)s of the protocol is withdrawn and no other one is loaded: nobody can be screened."
        )
        return sentence % {"version": version.version}
    if not version.may_be_in_force:
        sentence = _(
            "Version %(version)s of the protocol awaits the approval of the principal investigator: nobody can be"
            " screened before."
        )
        return sentence % {"version": version.version}
    sentence = _(
        "Version %(version)s of the protocol is in force from %(day)s: nobody can be screened before."
    )
    return sentence % {"version": version.version, "day": shown_day(version.effective_from)}
