"""The index of the trail: finds, counts and searches entries by their circumstances, on a million rows at once.

A save pays nothing for it: the index is filled afterwards, by `manage.py due` each minute and by whoever reads the
trail before reading (`building.refresh`), up to a mark for each table. `finding` reads it, `words` searches.
"""
