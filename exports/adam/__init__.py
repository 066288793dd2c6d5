"""Analysis data sets in the shape of CDISC ADaM: subjects, adverse events, laboratory, times and outcomes."""
