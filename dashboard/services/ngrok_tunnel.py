"""A public address for the server on this machine, as an ngrok tunnel. Whatever fails, the server runs on."""

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

TOKEN = "NGROK_AUTHTOKEN"
SECONDS = 15  # for the agent to be connected
CLOSING_SECONDS = 3
CONFIG = 'version: "2"\n'  # which agents old and new read
OPEN = "anyone who has the link can use the HTTP API; VITRINE_API_TOKEN=… makes it ask for a token"
WITHOUT_TOKEN = f"{TOKEN} is not set; https://dashboard.ngrok.com gives you a token"
WITHOUT_BINARY = "the program ngrok is not on this machine and could not be fetched; https://ngrok.com/download has it"
WITHOUT_NETWORK = "ngrok's service cannot be reached from this machine"
SLOW = "ngrok did not get ready in time"
REFUSED = f"ngrok does not accept the token in {TOKEN}"
NETWORK_WORDS = ("dial", "lookup", "no such host", "timeout", "timed out", "refused", "unreachable", "handshake")


class NoLink(VitrineError):
    """Why there is no public link, as the end of a sentence."""


@contextmanager
def public_link(server: str, token: bool, path: str = "") -> Iterator[None]:
    """Open a link to the server at this address in a thread; close it at the end.

    token: whether the API has one; path: what the pages stand under.
    """
    stopping = threading.Event()
    thread = threading.Thread(target=share, args=(server, token, path, stopping), name="public-link", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(CLOSING_SECONDS)
        if thread.is_alive():
            end_own_agent()
            thread.join(CLOSING_SECONDS)


def share(server: str, token: bool, path: str, stopping: threading.Event) -> None:
    """Hold a link open until `stopping` is set, and say where it is or why there is none."""
    if not token:
        say(f"Warning: {OPEN}.")
    try:
        config = configuration()
    except NoLink as reason:
        say(f"No public link: {reason}.")
        return
    from pyngrok import ngrok

    try:
        address = open_tunnel(server, config)
        say(f"Public link: {address}{path and f'{path}/'}")
        stopping.wait()
    except NoLink as reason:
        say(f"No public link: {reason}.")
    finally:
        ngrok.kill(config)
        with suppress(OSError):  # it says nothing but who started the agent
            Path(str(config.config_path)).unlink(missing_ok=True)


def say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def configuration() -> PyngrokConfig:
    """pyngrok's settings, apart from the user's own agents. Raises NoLink without a token or the package."""
    if not os.environ.get(TOKEN):
        raise NoLink(WITHOUT_TOKEN)
    try:
        require("share")
    except NotInstalled as error:
        raise NoLink(str(error)) from None
    from pyngrok.conf import PyngrokConfig

    from dashboard.services.ngrok_agents import agent_settings, end_abandoned

    end_abandoned()
    file = agent_settings(os.getpid())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, CONFIG)
    except OSError as error:
        raise NoLink(f"{file} cannot be written: {error.strerror}") from error
    here = os.environ.get("PYNGROK_NGROK_PATH") or shutil.which("ngrok")
    config = PyngrokConfig(here, str(file), startup_timeout=SECONDS, config_version="2")
    # The agent reads its token from the environment; as an argument, every user of the machine could see it.
    config.auth_token = None
    return config


def open_tunnel(server: str, config: PyngrokConfig) -> str:
    """The public address of a new tunnel. Raises NoLink."""
    from pyngrok import ngrok
    from pyngrok.exception import PyngrokError, PyngrokNgrokInstallError

    watchdog = threading.Timer(SECONDS, end_own_agent)
    try:
        ngrok.install_ngrok(config)
        watchdog.start()
        return str(ngrok.connect(server, name="vitrine", pyngrok_config=config).public_url)
    except PyngrokNgrokInstallError as error:
        raise NoLink(WITHOUT_BINARY) from error
    except PyngrokError as error:
        raise NoLink(reason_of(error)) from error
    except Exception as error:  # a file that is no program, or an API that speaks otherwise
        raise NoLink(f"ngrok cannot be run: {first_line(str(error))}") from error
    finally:
        watchdog.cancel()


def end_own_agent() -> None:
    """End this server's agent. pyngrok cannot while it waits for the agent's next words, as it holds its own lock."""
    from dashboard.services.ngrok_agents import agent_settings, end_agents

    end_agents([agent_settings(os.getpid())])


def reason_of(error: Exception) -> str:
    """What an error of the agent means."""
    said = str(getattr(error, "ngrok_error", None) or getattr(error, "body", None) or error)
    if re.search(r"ERR_NGROK_(105|106|107|4018)\b", said):
        return REFUSED
    if "ERR_NGROK" not in said and any(word in said.lower() for word in NETWORK_WORDS):
        return WITHOUT_NETWORK
    if "unable to start" in said:  # it said nothing at all
        return SLOW
    return f"ngrok says: {first_line(said)}"


def first_line(text: str) -> str:
    """The first line as one that can be printed, without its full stop."""
    line = re.split(r"\\[rn]|[\r\n]", text.strip(), maxsplit=1)[0]
    return printable(line, "")[:300].rstrip(". ")
