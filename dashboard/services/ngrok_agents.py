"""ngrok's agents that servers of this folder have started: known by the file of settings in their command line."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import psutil

from model.common.paths import home

NAME = re.compile(r"ngrok-(\d{1,9})\.yml")  # with the number of the server's process
STARTED = ["start", "--none", "--log", "stdout", "--config"]  # what pyngrok starts an agent with, before the file
ENDING_SECONDS = 3


def agent_settings(server: int) -> Path:
    """The file of settings for the agent that a server, a process by its number, starts."""
    return home().resolve() / f"ngrok-{server}.yml"


def end_agents(settings: Collection[Path]) -> None:
    """End the agents that were started with one of these files, and no other process; wait until they have gone."""
    ended = [process for process in psutil.process_iter() if is_agent(process, {str(file) for file in settings})]
    for process in ended:
        with suppress(psutil.Error):  # it has just ended by itself
            process.kill()
    psutil.wait_procs(ended, ENDING_SECONDS)


def is_agent(process: psutil.Process, settings: Collection[str]) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:  # it has ended, or is another user's
        return False
    return words[-6:-1] == STARTED and words[-1] in settings


def end_abandoned() -> None:
    """End the agents of servers that were killed: each would go on holding a link, and a plan counts them.

    This server must not have started its own yet.
    """
    files = {file: NAME.fullmatch(file.name) for file in home().resolve().glob("ngrok-*.yml")}
    servers = {file: int(match[1]) for file, match in files.items() if match}
    abandoned = [file for file, pid in servers.items() if pid == os.getpid() or not psutil.pid_exists(pid)]
    if abandoned:
        end_agents(abandoned)
    for file in abandoned:
        with suppress(OSError):
            file.unlink(missing_ok=True)
