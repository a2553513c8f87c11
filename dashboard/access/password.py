"""The owner's password: whether one that is given is right, how often it may be tried, and who has given it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

PASSWORD = "VITRINE_PASSWORD"
SIGNED_IN_SECONDS = 12 * 3600
MOST_SIGNED_IN = 1000
FORGOTTEN_SECONDS = 3600  # without a wrong password, until the earlier ones no longer count
MOST_ADDRESSES = 10_000  # that are remembered
Clock = Callable[[], float]


def wanted() -> str:
    """The owner's password, or nothing where there is none to give."""
    return os.environ.get(PASSWORD, "")


def is_right(given: str) -> bool:
    """Whether this is the owner's password, in a time that does not tell how much of it is right."""
    digests = [
        hashlib.sha256(unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")).digest()
        for text in (given, wanted())
    ]
    return bool(wanted()) and hmac.compare_digest(*digests)


@dataclass
class Wrong:
    """Wrong passwords in a row. free: how many cost nothing; longest: seconds that one can have to wait at most."""

    free: int
    longest: float
    count: int = 0
    last: float = 0.0

    def add(self, now: float) -> None:
        self.count = 1 if now - self.last > FORGOTTEN_SECONDS else self.count + 1
        self.last = now

    def wait(self, now: float) -> float:
        """Seconds until the next try: twice as many each time."""
        if self.count < self.free:
            return 0.0
        seconds = min(self.longest, 2.0 ** min(self.count - self.free, 20))
        return max(0.0, self.last + seconds - now)


class Tries:
    """Counts wrong passwords by address and of all together, so that neither one guesser nor many get far."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self.all = Wrong(free=50, longest=60)  # the owner, too, waits while somebody guesses: never for long
        self.by_address: OrderedDict[str, Wrong] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds until somebody at this address may try again; 0 for at once."""
        now, own = self.clock(), self.by_address.get(home_of(address))
        return max(self.all.wait(now), own.wait(now) if own else 0.0)

    def wrong(self, address: str) -> None:
        """Note a wrong password."""
        name, now = home_of(address), self.clock()
        own = self.by_address.setdefault(name, Wrong(free=5, longest=900))
        self.by_address.move_to_end(name)
        for count in (own, self.all):
            count.add(now)
        if len(self.by_address) > MOST_ADDRESSES:
            self.by_address.popitem(last=False)

    def right(self, address: str) -> None:
        """Forget what this address got wrong before."""
        self.by_address.pop(home_of(address), None)


def home_of(address: str) -> str:
    """The network that an address stands for: who has one of IPv6 has 2**64 of them."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))


class SignedIn:
    """Those who gave the password, by a token that only their browser has. Ends with the server, or after a while."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self.until: OrderedDict[bytes, float] = OrderedDict()

    def add(self) -> str:
        """A new token."""
        token = secrets.token_urlsafe(32)
        self.until[digest(token)] = self.clock() + SIGNED_IN_SECONDS
        if len(self.until) > MOST_SIGNED_IN:
            self.until.popitem(last=False)
        return token

    def holds(self, token: str) -> bool:
        return self.until.get(digest(token), 0.0) > self.clock()

    def end(self, token: str) -> None:
        self.until.pop(digest(token), None)


def digest(token: str) -> bytes:
    """What is kept of a token: looking it up takes a time that tells nothing of the token itself."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


TRIES, SIGNED_IN = Tries(), SignedIn()
