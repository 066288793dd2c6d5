"""Files that hold the treatment of a masked trial say UNBLINDED, in their name and in themselves.

Also after the planned unblinding: it opens the treatment for some roles, and the file must not reach the others.
"""

from django.utils.translation import gettext as _

from trials.access import Access

WORD = "UNBLINDED"
# In data files, in English for every reader. Without a comma: one cell of a CSV.
LINE = f"{WORD}: holds the treatment of a masked trial; keep this file from everybody who must stay blinded"


def holds_treatment(access: Access) -> bool:
    """Return True if a file that this person takes along may hold the treatment of a masked trial."""
    return bool(access.see_of_files)


def marked_name(name: str, *, marked: bool) -> str:
    """Return the name of a file, with the word in front if it holds the treatment of a masked trial."""
    return f"{WORD}-{name}" if marked else name


def marked_rows(*, marked: bool) -> list[list[str]]:
    """Return the line above the column names of a CSV; nothing for a file without the treatment."""
    return [[LINE]] if marked else []


def sentence() -> str:
    """Return the sentence for people, in their language."""
    return _("UNBLINDED: this holds the treatment. Keep it from everybody who must stay blinded.")
