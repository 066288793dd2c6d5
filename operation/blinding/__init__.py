"""Proof of the blind: the arms of all patients are exchanged, and every blinded role must be shown the same bytes."""
