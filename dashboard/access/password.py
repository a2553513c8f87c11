"""The owner's password: check it, limit wrong tries, and remember who has given it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from model.common.settings import read_settings

SESSION_SECONDS = 12 * 3600
MAX_SESSIONS = 1000
FORGET_SECONDS = 3600  # after the last wrong password, until it is forgotten
MAX_ADDRESSES = 10_000  # for which wrong passwords are remembered
_Clock = Callable[[], float]


def owner_password() -> str:
    """Return the owner's password; empty if none is set."""
    return read_settings("password").password


def is_right(given: str) -> bool:
    """Return whether this is the owner's password, in constant time."""
    digests = [
        hashlib.sha256(unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")).digest()
        for text in (given, owner_password())
    ]
    return bool(owner_password()) and hmac.compare_digest(*digests)


@dataclass
class _WrongPasswords:
    """Counts consecutive wrong passwords.

    Attributes:
        free: How many cause no delay.
        longest: The longest delay, in seconds.
    """

    free: int
    longest: float
    count: int = 0
    last: float = 0.0

    def add(self, now: float) -> None:
        """Count a wrong password at time `now`."""
        self.count = 1 if now - self.last > FORGET_SECONDS else self.count + 1
        self.last = now

    def wait(self, now: float) -> float:
        """Return the seconds until the next try, which double each time."""
        if self.count < self.free:
            return 0.0
        seconds = min(self.longest, 2.0 ** min(self.count - self.free, 20))
        return max(0.0, self.last + seconds - now)


class LoginLimiter:
    """Counts wrong passwords per address and in total, so that neither one nor many guessers get far."""

    def __init__(self, clock: _Clock = time.monotonic) -> None:
        self.clock = clock
        self.all = _WrongPasswords(
            free=50, longest=60
        )  # the owner also has to wait while somebody guesses, but never for long
        self.by_address: OrderedDict[str, _WrongPasswords] = OrderedDict()

    def wait(self, address: str) -> float:
        """Return the seconds until this address may try again; 0 for now."""
        now, own = self.clock(), self.by_address.get(_network_of(address))
        return max(self.all.wait(now), own.wait(now) if own else 0.0)

    def record_failure(self, address: str) -> None:
        """Record a wrong password."""
        name, now = _network_of(address), self.clock()
        own = self.by_address.setdefault(name, _WrongPasswords(free=5, longest=900))
        self.by_address.move_to_end(name)
        for count in (own, self.all):
            count.add(now)
        if len(self.by_address) > MAX_ADDRESSES:
            self.by_address.popitem(last=False)

    def record_success(self, address: str) -> None:
        """Forget the wrong passwords from this address."""
        self.by_address.pop(_network_of(address), None)


def _network_of(address: str) -> str:
    """Return the network that an address belongs to: whoever has one IPv6 address usually has 2**64."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))


class Sessions:
    """The sessions of those who gave the password, by a token in a cookie; they end with the server at the latest."""

    def __init__(self, clock: _Clock = time.monotonic) -> None:
        self.clock = clock
        self.until: OrderedDict[bytes, float] = OrderedDict()

    def add(self) -> str:
        """Start a session and return its token."""
        token = secrets.token_urlsafe(32)
        self.until[_token_digest(token)] = self.clock() + SESSION_SECONDS
        if len(self.until) > MAX_SESSIONS:
            self.until.popitem(last=False)
        return token

    def is_valid(self, token: str) -> bool:
        """Return whether a token belongs to a session."""
        return self.until.get(_token_digest(token), 0.0) > self.clock()

    def end(self, token: str) -> None:
        """End a session."""
        self.until.pop(_token_digest(token), None)


def _token_digest(token: str) -> bytes:
    """Return the hash under which a token is stored, so that look-up time reveals nothing about the token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


LOGIN_LIMITER, SESSIONS = LoginLimiter(), Sessions()
