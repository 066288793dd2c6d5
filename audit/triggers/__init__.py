"""Database triggers that write the trail: generated from the models, removed during migrations.

On every audited table each INSERT, UPDATE and DELETE adds a history row in the same statement, or is refused if no
actor is set. Histories, access events, seals and reviews are append-only.
"""

from audit.triggers.guard import guarded
from audit.triggers.inspection import defects, objections
from audit.triggers.installation import install, lifted, remove

__all__ = ["defects", "guarded", "install", "lifted", "objections", "remove"]
