from accounts.access import Access, access_to, trial_page  # noqa: F401
