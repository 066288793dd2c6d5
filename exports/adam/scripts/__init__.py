"""Scripts of the archive that compute the outcomes again, from its data sets alone."""
