"""Help of each page of a trial, in a few sentences: by the name of the page (VAL-03).

Several pages of one kind share a text. Each room's texts stand in the module of its name.
"""

from django.utils.functional import Promise

from trials.help_texts import dosing, exports, patients, people, reports, safety

_ROOMS = (patients, dosing, safety, reports, exports, people)
HELP: dict[str, str | Promise] = {
    name: text for room in _ROOMS for names, text in room.TEXTS for name in names.split()
}
