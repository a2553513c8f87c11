"""Who is the owner and who a visitor: every peer, every header, and real connections."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from benchmarks.servers import ROOT, Server, started
from dashboard.access.password import SESSIONS
from dashboard.access.visitors import (
    FOREIGN,
    LOCAL,
    REMOTE,
    STANDING_HEADER,
    StandingMiddleware,
    Visitor,
    classify_connection,
)
from model.common.errors import SettingError
from tests.dashboard.session import OWNERS, VISITORS, texts
from tests.skips import NO_NAMESPACE

LAN = "192.168.1.20"
EVERYWHERE = ["-m", "streamlit", "run", "dashboard/app.py", "--server.address", "0.0.0.0", "--server.port", "PORT"]
NAMESPACE, OUTSIDE, INSIDE = "vitrine-test", "10.213.77.1", "10.213.77.2"


def scope(peer: str | None, own: str = "127.0.0.1", host: str | None = "localhost:8501", **headers: str) -> Any:
    pairs = ([] if host is None else [("host", host)]) + [(k.replace("_", "-"), v) for k, v in headers.items()]
    return {
        "type": "websocket",
        "client": None if peer is None else (peer, 50000),
        "server": (own, 8501),
        "headers": [(name.encode(), value.encode()) for name, value in pairs],
    }


@pytest.mark.parametrize(
    ("peer", "own", "host"),
    [
        ("127.0.0.1", "127.0.0.1", "localhost:8501"),
        ("127.0.0.1", "127.0.0.1", "LOCALHOST:8501"),
        ("127.0.0.2", "127.0.0.1", "127.0.0.1:8501"),  # loopback is a whole network
        ("::1", "::1", "[::1]:8501"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", "localhost"),
        (LAN, LAN, f"{LAN}:8501"),
        ("fe80::1%eth0", "fe80::1%eth0", "[fe80::1]:8501"),
        (f"::ffff:{LAN}", LAN, f"{LAN}:8501"),
    ],
)
def test_this_machine_is_a_loopback_address_or_the_one_that_was_connected_to(peer: str, own: str, host: str) -> None:
    assert classify_connection(scope(peer, own, host)) == LOCAL
    assert classify_connection(scope(peer, own, host, origin=f"http://{host}")) == LOCAL


@pytest.mark.parametrize(
    ("peer", "own"),
    [("192.168.1.30", LAN), ("10.0.0.5", "127.0.0.1"), (None, LAN), ("testclient", LAN), ("fe80::2", "fe80::1")],
)
def test_any_other_peer_is_elsewhere(peer: str | None, own: str) -> None:
    assert classify_connection(scope(peer, own, f"{LAN}:8501")) == REMOTE


@pytest.mark.parametrize(
    "name",
    [
        *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded", "forwarded", "forwarded-for"),
        *("x-real-ip", "via", "cf-connecting-ip", "true-client-ip", "x-client-ip", "fly-client-ip", "x-azure-clientip"),
        *("x-original-forwarded-for", "x-envoy-external-address", "x-remote-addr", "x-cluster-client-ip"),
    ],
)
@pytest.mark.parametrize("value", ["127.0.0.1", "203.0.113.9", "", "for=127.0.0.1", "localhost:8501"])
def test_what_a_proxy_hands_on_is_not_this_machine_whatever_it_says(name: str, value: str) -> None:
    asked = scope("127.0.0.1")
    asked["headers"].append((name.encode(), value.encode()))
    assert classify_connection(asked) == REMOTE


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip", "x-vitrine-visitor"])
def test_no_header_makes_a_stranger_local(name: str) -> None:
    for value in ("127.0.0.1", "for=127.0.0.1", "here"):
        asked = scope("192.168.1.30", LAN, f"{LAN}:8501")
        asked["headers"].append((name.encode(), value.encode()))
        assert classify_connection(asked) == REMOTE


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8501", "http://localhost:8888"),  # another program's page on this machine
        ("localhost:8501", "https://evil.example"),
        ("localhost:8501", "null"),
        ("localhost:8501", "http://["),
        ("localhost:8501", "http://localhost:8501.evil.example"),
        (None, "http://localhost:8501"),
        ("", None),
    ],
)
def test_another_sites_page_has_no_standing(host: str | None, origin: str | None) -> None:
    assert classify_connection(scope("127.0.0.1", host=host, **({"origin": origin} if origin else {}))) == FOREIGN


def test_two_hosts_are_none() -> None:
    asked = scope("127.0.0.1")
    asked["headers"].append((b"host", b"localhost:8501"))
    assert classify_connection(asked) == FOREIGN


@pytest.mark.parametrize(
    "host", ["evil.example:8501", "localhost.evil.example", "localhost.", "2130706433:8501", "127.0.0.1@evil.example"]
)
def test_a_name_that_somebody_made_lead_here_is_not_this_machine(host: str) -> None:
    assert classify_connection(scope("127.0.0.1", host=host, origin=f"http://{host}")) in (REMOTE, FOREIGN)


def test_a_name_that_the_server_was_given_is_known() -> None:
    asked = scope("127.0.1.1", "127.0.1.1", "Lab-7:8501", origin="http://lab-7:8501")
    assert classify_connection(asked, {"lab-7"}) == LOCAL
    assert classify_connection(asked) == REMOTE


@pytest.mark.parametrize("origin", ["https://vitrine.example.org", "https://vitrine.example.org:443"])
def test_a_page_behind_a_proxy_is_ours_by_the_name_that_the_browser_knows(origin: str) -> None:
    assert (
        classify_connection(scope("127.0.0.1", host="vitrine.example.org", x_forwarded_for="1.2.3.4", origin=origin))
        == REMOTE
    )
    rewritten = scope("127.0.0.1", host="localhost:8501", x_forwarded_host="vitrine.example.org", origin=origin)
    assert classify_connection(rewritten) == REMOTE
    assert (
        classify_connection(scope("127.0.0.1", host="localhost:8501", x_forwarded_for="1.2.3.4", origin=origin))
        == FOREIGN
    )


def test_the_mark_that_a_session_gets_is_ours_alone() -> None:
    def seen(kind: str, asked: Any) -> list[bytes]:
        found: list[bytes] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            found.extend(value for name, value in scope["headers"] if name.lower() == STANDING_HEADER.encode())

        asked["headers"] += [(b"X-Vitrine-Visitor", b"here"), (b"x-vitrine-visitor", b"here")]
        with ThreadPoolExecutor(1) as apart:  # the browser of other tests has a loop in this thread
            apart.submit(asyncio.run, StandingMiddleware(app)(asked | {"type": kind}, None, None)).result()  # type: ignore[arg-type]
        return found

    assert seen("websocket", scope("127.0.0.1")) == [LOCAL.encode()]
    assert seen("websocket", scope("192.168.1.30", LAN, f"{LAN}:8501")) == [REMOTE.encode()]
    assert seen("http", scope("127.0.0.1")) == []


def test_the_password_makes_an_owner_of_a_page_of_ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    token = SESSIONS.add()
    assert Visitor(REMOTE, token).owner and Visitor(LOCAL, token).owner
    assert not Visitor(FOREIGN, token).owner
    assert not Visitor(REMOTE, "guess").owner and not Visitor(REMOTE).owner
    monkeypatch.setenv("VITRINE_SHARE", "1")
    assert Visitor(REMOTE, token).owner
    SESSIONS.end(token)
    assert not Visitor(REMOTE, token).owner


@pytest.mark.parametrize(("name", "value"), [("VITRINE_SHARE", "1"), ("VITRINE_LOCAL_OWNER", "0")])
def test_nobody_is_the_owner_by_address_where_everybody_comes_from_this_machine(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert Visitor(LOCAL).owner
    monkeypatch.setenv(name, value)
    assert not Visitor(LOCAL).owner


def test_a_typo_in_the_setting_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_LOCAL_OWNER", "no")
    with pytest.raises(SettingError, match="VITRINE_LOCAL_OWNER is 'no'; it can be 1"):
        _ = Visitor(LOCAL).owner


# --- Real connections -------------------------------------------------------------------------------------------------


def is_owner(said: str) -> bool:
    """Whether the page Models was drawn for the owner; it must have been drawn for one of the two."""
    assert (OWNERS in said) != (VISITORS in said)
    return OWNERS in said


@pytest.fixture(scope="module")
def open_server(no_data: dict[str, str]) -> Iterator[Server]:
    """A page that everybody on the network can open."""
    with started(EVERYWHERE, {**no_data, "VITRINE_ENGINE": "int8"}, "/_stcore/health") as server:
        yield server


def test_a_session_is_the_owners_by_its_connection_and_nothing_takes_its_place(open_server: Server) -> None:
    port = open_server.port
    assert is_owner(texts("127.0.0.1", port))
    assert is_owner(texts("127.0.0.1", port, {"Origin": ""}))  # no browser: a program of this machine
    for headers in (
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1", "X-Vitrine-Visitor": "here"},
        {"Origin": "http://localhost:9"},  # which Streamlit itself lets in
    ):
        assert not is_owner(texts("127.0.0.1", port, headers))
    assert not is_owner(texts("127.0.0.1", port, host="evil.example"))


@pytest.fixture
def namespace() -> Iterator[None]:
    """A network of its own, with another address, as another machine has it. Root alone may make one."""

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=30)

    def clear() -> None:
        with suppress(subprocess.CalledProcessError):
            ip("netns", "del", NAMESPACE)

    try:
        clear()
        ip("netns", "add", NAMESPACE)
        ip("link", "add", "vitrine0", "type", "veth", "peer", "name", "vitrine1", "netns", NAMESPACE)
    except (OSError, subprocess.CalledProcessError) as error:
        if shutil.which("ip"):
            clear()
        pytest.skip(f"{NO_NAMESPACE}: {error}")
    try:
        ip("addr", "add", f"{OUTSIDE}/24", "dev", "vitrine0")
        ip("link", "set", "vitrine0", "up")
        ip("-n", NAMESPACE, "addr", "add", f"{INSIDE}/24", "dev", "vitrine1")
        ip("-n", NAMESPACE, "link", "set", "vitrine1", "up")
        yield
    finally:
        with suppress(subprocess.CalledProcessError):
            ip("link", "del", "vitrine0")
        clear()


@pytest.mark.usefixtures("namespace")
def test_a_page_opened_at_another_address_is_a_visitors(open_server: Server) -> None:
    client = [sys.executable, "-m", "tests.dashboard.session", OUTSIDE, str(open_server.port)]
    for headers in ([], ["X-Forwarded-For:127.0.0.1", "X-Vitrine-Visitor:here", "X-Real-IP:127.0.0.1"]):
        inside = ["ip", "netns", "exec", NAMESPACE, *client, *headers]
        said = subprocess.run(inside, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300).stdout
        assert not is_owner(said)
    assert is_owner(texts(OUTSIDE, open_server.port))  # the same address, from this machine itself


def test_a_page_opened_at_this_machines_own_address_is_the_owners(open_server: Server) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; the system says which address it would use
            own = probe.getsockname()[0]
        except OSError:
            own = "127.0.0.2"
    assert is_owner(texts(own, open_server.port))
