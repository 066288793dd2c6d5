"""Pages on which personal data in free text are masked by two persons."""
