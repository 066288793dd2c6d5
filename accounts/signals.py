"""Signals to the rooms above `accounts`, sent inside the transaction of the step they report."""

from django.dispatch import Signal

# suspension: signing is suspended because others opened the account
signing_suspended = Signal()
