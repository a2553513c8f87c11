"""A public address for this server, as an ngrok tunnel. Whatever fails, the server keeps running."""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from model.common.errors import VitrineError
from model.common.extras import NotInstalled, require
from model.common.files import write_atomic
from model.common.text import printable

if TYPE_CHECKING:
    from pyngrok.conf import PyngrokConfig

_TOKEN = "NGROK_AUTHTOKEN"
SECONDS = 15  # for the agent to connect
_CLOSE_SECONDS = 3
CONFIG = 'version: "2"\n'  # old and new agents can read it
OPEN_API = "anyone who has the link can use the HTTP API; VITRINE_API_TOKEN=… makes it ask for a token"
WITHOUT_TOKEN = f"{_TOKEN} is not set; https://dashboard.ngrok.com gives you a token"
WITHOUT_BINARY = (
    "the program ngrok is not on this machine and could not be downloaded; get it at https://ngrok.com/download"
)
WITHOUT_NETWORK = "ngrok's service cannot be reached from this machine"
TIMED_OUT = "ngrok did not get ready in time"
REFUSED = f"ngrok does not accept the token in {_TOKEN}"
_NETWORK_WORDS = ("dial", "lookup", "no such host", "timeout", "timed out", "refused", "unreachable", "handshake")


class _NoLinkError(VitrineError):
    """There is no public link; the message is the reason, as the end of a sentence."""


@contextmanager
def public_link(server: str, token: bool, path: str = "") -> Iterator[None]:
    """Open a link to the server in a thread, and close it at the end.

    Args:
        server: The server's local address.
        token: Whether the API requires a token.
        path: The path of the pages.
    """
    stopping = threading.Event()
    thread = threading.Thread(target=share, args=(server, token, path, stopping), name="public-link", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(_CLOSE_SECONDS)
        if thread.is_alive():
            _end_own_agent()
            thread.join(_CLOSE_SECONDS)


def share(server: str, token: bool, path: str, stopping: threading.Event) -> None:
    """Keep a link open until `stopping` is set, and print where it is or why there is none."""
    if not token:
        print_error(f"Warning: {OPEN_API}.")
    try:
        config = _configure()
    except _NoLinkError as reason:
        print_error(f"No public link: {reason}.")
        return
    from pyngrok import ngrok

    try:
        address = _open_tunnel(server, config)
        print_error(f"Public link: {address}{path and f'{path}/'}")
        stopping.wait()
    except _NoLinkError as reason:
        print_error(f"No public link: {reason}.")
    finally:
        ngrok.kill(config)
        with suppress(OSError):  # it only identifies the agent
            Path(str(config.config_path)).unlink(missing_ok=True)


def print_error(sentence: str) -> None:
    """Print a line on stderr."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def _configure() -> PyngrokConfig:
    """Return pyngrok's configuration, separate from the user's own agents.

    Raises:
        _NoLinkError: There is no token, or pyngrok is not installed.
    """
    if not os.environ.get(_TOKEN):
        raise _NoLinkError(WITHOUT_TOKEN)
    try:
        require("share")
    except NotInstalled as error:
        raise _NoLinkError(str(error)) from None
    from pyngrok.conf import PyngrokConfig

    from dashboard.services.ngrok_agents import agent_config_file, end_abandoned

    end_abandoned()
    file = agent_config_file(os.getpid())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, CONFIG)
    except OSError as error:
        raise _NoLinkError(f"{file} cannot be written: {error.strerror}") from error
    here = os.environ.get("PYNGROK_NGROK_PATH") or shutil.which("ngrok")
    config = PyngrokConfig(here, str(file), startup_timeout=SECONDS, config_version="2")
    # The agent reads its token from the environment; as an argument, every user of the machine could see it.
    config.auth_token = None
    return config


def _open_tunnel(server: str, config: PyngrokConfig) -> str:
    """Open a tunnel and return its public address.

    Raises:
        _NoLinkError: It cannot be opened.
    """
    from pyngrok import ngrok
    from pyngrok.exception import PyngrokError, PyngrokNgrokInstallError

    watchdog = threading.Timer(SECONDS, _end_own_agent)
    try:
        ngrok.install_ngrok(config)
        watchdog.start()
        return str(ngrok.connect(server, name="vitrine", pyngrok_config=config).public_url)
    except PyngrokNgrokInstallError as error:
        raise _NoLinkError(WITHOUT_BINARY) from error
    except PyngrokError as error:
        raise _NoLinkError(_explain(error)) from error
    except Exception as error:  # a file that is not a program, or another version of the API
        raise _NoLinkError(f"ngrok cannot be run: {_first_line(str(error))}") from error
    finally:
        watchdog.cancel()


def _end_own_agent() -> None:
    """End this server's agent. pyngrok cannot, because it holds its own lock while it waits for the agent."""
    from dashboard.services.ngrok_agents import agent_config_file, end_agents

    end_agents([agent_config_file(os.getpid())])


def _explain(error: Exception) -> str:
    """Return what an error of the agent means."""
    said = str(getattr(error, "ngrok_error", None) or getattr(error, "body", None) or error)
    if re.search(r"ERR_NGROK_(105|106|107|4018)\b", said):
        return REFUSED
    if "ERR_NGROK" not in said and any(word in said.lower() for word in _NETWORK_WORDS):
        return WITHOUT_NETWORK
    if "unable to start" in said:  # it printed nothing at all
        return TIMED_OUT
    return f"ngrok says: {_first_line(said)}"


def _first_line(text: str) -> str:
    """Return the first line, printable and without its full stop."""
    line = re.split(r"\\[rn]|[\r\n]", text.strip(), maxsplit=1)[0]
    return printable(line, "")[:300].rstrip(". ")
