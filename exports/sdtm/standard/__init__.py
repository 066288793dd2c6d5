"""Facts of the standard: domains, variables and the controlled terms that the package uses."""
