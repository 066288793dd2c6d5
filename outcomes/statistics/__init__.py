"""Statistics of counts, rates, means and times: exact where a closed count exists. No Django, no scipy."""
