"""Limits on guessing: each failure makes the next attempt wait longer, per address and per account (SEC-06).

No door closes for good, so nobody can close it for another person. An attempt that comes too early is refused without
a look at the password and changes nothing: whoever hammers at the door does not prolong the wait. One address waits up
to a quarter of an hour, an account five minutes at most, so a single address cannot keep an account waiting all the
time. A browser from which the person signed in before (`accounts.sign_in.known_browsers`) has a count of its own.

The counts are rows, shared by all processes and machines. They hold no user name and no address, only their hashes.
"""

import hashlib
import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Failures


@dataclass(frozen=True)
class AttemptLimit:
    """free: failures without a wait. longest: seconds of the longest wait. remembered: hours after the last failure."""

    free: int
    longest: int
    remembered: int

    def wait_after(self, failures: int) -> int:
        """Return the seconds to wait after so many failures: none, then 2, 4, 8 … up to the longest."""
        if failures < self.free:
            return 0
        return int(min(self.longest, 2.0 ** min(failures - self.free + 1, 30)))


# A hospital often has one address for everybody: its count is generous, and known browsers do not ask it.
LIMITS = {
    "address": AttemptLimit(free=50, longest=900, remembered=1),
    "account": AttemptLimit(free=5, longest=300, remembered=24),
    "browser": AttemptLimit(free=5, longest=300, remembered=24),
    "factor": AttemptLimit(free=5, longest=300, remembered=24),
    "code": AttemptLimit(free=10, longest=900, remembered=24),
}
# The last addresses of an IPv6 network belong to one customer.
IPV6_PREFIX = 64
FORGET_AFTER = timedelta(hours=max(limit.remembered for limit in LIMITS.values()))


@dataclass(frozen=True)
class AttemptSubject:
    """The subject of counted failures: an address, an account, a known browser of a person, a second factor, a code."""

    kind: str
    name: str

    @property
    def limit(self) -> AttemptLimit:
        """The limit of this kind."""
        return LIMITS[self.kind]

    @property
    def key(self) -> str:
        """The hash under which the failures are counted."""
        name = network_of(self.name) if self.kind in {"address", "code"} else self.name
        return hashlib.sha256(f"{self.kind} {name}".encode()).hexdigest()


def network_of(address: str) -> str:
    """Return an IPv4 address unchanged, and the network of an IPv6 address: its customer has 2⁶⁴ addresses."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    return str(ipaddress.ip_network(f"{found}/{IPV6_PREFIX}", strict=False))


@transaction.atomic
def claim(subjects: Sequence[AttemptSubject]) -> int:
    """Count an attempt as failed before it is tried, and return 0; or return the seconds it has to wait.

    Counted first, so that a hundred attempts at once do not all find the door open; `succeeded` takes it back.
    """
    now = timezone.now()
    rows = _locked(subjects)
    waits = [_seconds_left(rows[each.key], each.limit, now) for each in subjects]
    if longest := max(waits, default=0):
        return longest
    for each in subjects:
        row = rows[each.key]
        forgotten = now - row.last_at > timedelta(hours=each.limit.remembered)
        row.count = 1 if forgotten else row.count + 1
        row.last_at = now
        row.save(update_fields=["count", "last_at"])
    return 0


@transaction.atomic
def succeeded(subjects: Sequence[AttemptSubject]) -> None:
    """Forget the failures of an account, a browser or a factor; an address only gets this one attempt back.

    Otherwise a thief with an account of their own would empty the count of their address between two guesses.
    """
    addresses = [each.key for each in subjects if each.kind == "address"]
    Failures.objects.filter(key__in=addresses, count__gt=0).update(count=F("count") - 1)
    Failures.objects.filter(key__in=[each.key for each in subjects if each.key not in addresses]).delete()
    Failures.objects.filter(last_at__lt=timezone.now() - FORGET_AFTER).delete()


def _locked(subjects: Sequence[AttemptSubject]) -> dict[str, Failures]:
    """Return the rows of the subjects, made where missing, and locked in one order until the transaction ends."""
    never = timezone.now() - FORGET_AFTER
    Failures.objects.bulk_create(
        [Failures(key=each.key, last_at=never) for each in subjects], ignore_conflicts=True
    )
    rows = Failures.objects.select_for_update().filter(key__in=[each.key for each in subjects])
    return {row.key: row for row in rows.order_by("key")}


def _seconds_left(row: Failures, limit: AttemptLimit, now: datetime) -> int:
    passed = (now - row.last_at).total_seconds()
    if passed > limit.remembered * 3600:
        return 0
    wait = limit.wait_after(row.count)
    # A clock that was set back must not make anybody wait longer.
    return min(wait, max(0, math.ceil(wait - passed)))
