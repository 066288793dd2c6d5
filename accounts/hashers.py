"""A fast password hasher for tests: Argon2 is slow on purpose, and tests sign in often."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasherForTests(PBKDF2PasswordHasher):
    """PBKDF2 with one iteration. Used by the test settings only."""

    iterations = 1
