"""The digest of an edit check: two checks with one digest decide alike, so a test of one holds the other (DAT-03)."""

import hashlib
import json

from protocol.document.items import Check, Form


def check_digest(form: Form, check: Check) -> str:
    """Return the SHA-256 of form, id, item, severity and condition. The message may be reworded without a new test."""
    rule = [form.code, check.id, check.on, check.severity, str(check.violated)]
    return hashlib.sha256(json.dumps(rule, ensure_ascii=False).encode()).hexdigest()
