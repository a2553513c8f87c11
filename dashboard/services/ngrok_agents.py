"""The ngrok agents that servers of this folder started, recognized by the configuration file in their command line."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import psutil

from model.common.paths import home

_CONFIG_NAME = re.compile(r"ngrok-(\d{1,9})\.yml")  # with the server's process ID
AGENT_ARGUMENTS = ["start", "--none", "--log", "stdout", "--config"]  # pyngrok's arguments, before the file
_END_SECONDS = 3


def agent_config_file(server: int) -> Path:
    """Return the configuration file of the agent that a server starts, given the server's process ID."""
    return home().resolve() / f"ngrok-{server}.yml"


def end_agents(settings: Collection[Path]) -> None:
    """End the agents that use one of these files, and wait until they are gone."""
    ended = [process for process in psutil.process_iter() if _is_agent(process, {str(file) for file in settings})]
    for process in ended:
        with suppress(psutil.Error):  # it has just ended
            process.kill()
    psutil.wait_procs(ended, _END_SECONDS)


def _is_agent(process: psutil.Process, settings: Collection[str]) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:  # it has ended, or belongs to another user
        return False
    return words[-6:-1] == AGENT_ARGUMENTS and words[-1] in settings


def end_abandoned() -> None:
    """End the agents of servers that were killed: each would keep a link open, and ngrok's plans limit their number.

    Call it before this server starts its own agent.
    """
    files = {file: _CONFIG_NAME.fullmatch(file.name) for file in home().resolve().glob("ngrok-*.yml")}
    servers = {file: int(match[1]) for file, match in files.items() if match}
    abandoned = [file for file, pid in servers.items() if pid == os.getpid() or not psutil.pid_exists(pid)]
    if abandoned:
        end_agents(abandoned)
    for file in abandoned:
        with suppress(OSError):
            file.unlink(missing_ok=True)
