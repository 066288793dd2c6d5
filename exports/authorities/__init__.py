"""Files for authorities and public registers: case reports, and the tables of adverse events."""
