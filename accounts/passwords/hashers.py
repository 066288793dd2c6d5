"""How passwords are hashed: Argon2id, and a fast way for tests, which sign in often."""

from django.contrib.auth.hashers import Argon2PasswordHasher, PBKDF2PasswordHasher


class PasswordHasher(Argon2PasswordHasher):
    """Argon2id with the parameters of RFC 9106 for little memory (§4, second choice): 64 MiB, three passes, four lanes.

    As slow as Django's default (100 MiB, two passes), with a third less memory: a sign-in is what a web worker needs
    most memory for. A password hashed with other parameters is hashed anew when its owner signs in.
    """

    memory_cost = 64 * 1024
    time_cost = 3
    parallelism = 4


class QuickHasherForTests(PBKDF2PasswordHasher):
    """PBKDF2 with one iteration. Used by the test settings only."""

    iterations = 1
