"""Unblinding: in an emergency, for a SUSAR, by accident, and after the lock as planned (BLD-04 to BLD-06)."""
