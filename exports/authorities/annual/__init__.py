"""Tables of the annual safety report (development safety update report, ICH E2F)."""
