"""The report of a case to the authority: what drug safety adds, what was sent, what was answered (ICS-01)."""
