"""Sealed envelopes on paper: printed by one person, their codes by another, opened without a server, reconciled."""
