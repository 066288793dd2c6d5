"""Lists over all patients for inspection and monitoring, one row for each patient or form."""
