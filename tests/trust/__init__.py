"""`make trust`: kill, cut the power, fill the disk and tamper, then count what was lost (docs/reliability.md).

Not a part of `make test`, in which a short form of each stands.
"""
