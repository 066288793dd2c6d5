"""The triggers that write the trail: made from the models, dropped around migrations.

Per audited table: every INSERT, UPDATE and DELETE leaves a history row in the same statement, or is refused
when nobody is named for it. Histories, access events, seals and reviews can only be added to.
"""

from audit.triggers.installation import defects, install, lifted, remove

__all__ = ["defects", "install", "lifted", "remove"]
