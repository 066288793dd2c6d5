"""The report of a serious event to the sponsor: initial and numbered follow-ups, fixed once sent (SAF-12)."""
