"""Outcomes of the trial, computed from the data as they stand: the safety outcomes, in total over all arms."""
