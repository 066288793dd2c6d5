"""Outcomes of a trial: what each reading says of each patient, the lines with their figures, and the statistics."""
