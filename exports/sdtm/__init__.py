"""The study as SDTM data sets (IG 3.4) with Define-XML 2.1: one package, made patient by patient."""
