"""The owner's password: guessing is slow, and a token is worth something for a while."""

from __future__ import annotations

import unicodedata

import pytest

from dashboard.access import password
from dashboard.access.password import LoginLimiter, Sessions, is_right


class Clock:
    """Time that goes as a test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_only_the_whole_password_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_PASSWORD", "maçã verde")
    assert is_right("maçã verde")
    assert is_right(unicodedata.normalize("NFD", "maçã verde"))  # as a Mac may type it
    for wrong in ("", "maçã", "maçã verde ", "Maçã verde", "\ud800"):
        assert not is_right(wrong)


def test_without_a_password_nothing_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_right("")
    monkeypatch.setenv("VITRINE_PASSWORD", "")
    assert not is_right("")


def test_each_wrong_password_makes_the_next_try_wait_longer() -> None:
    clock = Clock()
    tries, waits = LoginLimiter(clock), []
    for _ in range(20):
        tries.record_failure("10.0.0.1")
        waits.append(tries.wait("10.0.0.1"))
    assert waits[:8] == [0, 0, 0, 0, 1, 2, 4, 8]
    assert waits[-1] == 900
    assert tries.wait("10.0.0.2") == 0
    clock.now += 899
    assert tries.wait("10.0.0.1") == 1
    clock.now += password.FORGET_SECONDS
    tries.record_failure("10.0.0.1")
    assert tries.wait("10.0.0.1") == 0  # long ago is forgotten


def test_a_right_password_forgets_the_wrong_ones() -> None:
    tries = LoginLimiter(Clock())
    for _ in range(8):
        tries.record_failure("10.0.0.1")
    tries.record_success("10.0.0.1")
    tries.record_failure("10.0.0.1")
    assert tries.wait("10.0.0.1") == 0


def test_many_addresses_together_wait_as_well() -> None:
    clock = Clock()
    tries = LoginLimiter(clock)
    for number in range(70):
        tries.record_failure(f"10.0.1.{number}")
    assert tries.wait("10.9.9.9") == 60  # and no longer, for the owner may be among them


def test_an_address_of_ipv6_is_its_whole_network_and_the_list_stays_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "MAX_ADDRESSES", 10)
    tries = LoginLimiter(Clock())
    for number in range(6):
        tries.record_failure(f"2001:db8::{number:x}")
    assert tries.wait("2001:db8::ffff:1") == 2
    assert tries.wait("2001:db8:0:1::1") == 0
    for number in range(30):
        tries.record_failure(f"10.0.1.{number}")
    assert len(tries.by_address) == 10


def test_a_token_holds_until_it_is_ended_or_old() -> None:
    clock = Clock()
    signed_in = Sessions(clock)
    one, two = signed_in.add(), signed_in.add()
    assert one != two and len(one) > 40
    signed_in.end(one)
    assert not signed_in.is_valid(one) and signed_in.is_valid(two)
    assert not signed_in.is_valid("") and not signed_in.is_valid("\ud800")
    clock.now += password.SESSION_SECONDS
    assert not signed_in.is_valid(two)


def test_tokens_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "MAX_SESSIONS", 3)
    signed_in = Sessions(Clock())
    tokens = [signed_in.add() for _ in range(5)]
    assert [signed_in.is_valid(token) for token in tokens] == [False, False, True, True, True]
