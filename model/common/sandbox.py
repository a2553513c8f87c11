"""A module of ours run in a process of its own, where a stranger's file can do no harm to the one that asks.

The process prints one line of JSON, an object or {"error": half a sentence}. Whatever the file does to it, a crash,
endless work or too much memory, it does not do to the program that asked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from model.common.errors import NotAllowed
from model.common.extras import NotInstalled
from model.common.keras_import import WITHOUT_GPU
from model.common.stderr_filter import quiet
from model.i18n import translations
from model.i18n.translations import gettext as _

MEMORY = 8 * 2**30  # bytes of address space; TensorFlow alone takes 2 GiB of it
SECONDS = 180
ROOT = Path(__file__).parent.parent.parent


def ask_apart(module: str, arguments: Sequence[str], seconds: float = SECONDS) -> dict[str, Any]:
    """The JSON object that `python -m MODULE ARGUMENTS` prints. Raises NotAllowed with half a sentence why not."""
    # A GPU's driver reserves more addresses than the memory allowed, and a file is looked over well without one.
    environment = os.environ | WITHOUT_GPU | {translations.VARIABLE: translations.current()}
    command = [sys.executable, "-m", module, *arguments]
    try:
        run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=seconds, check=False)
        answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        raise NotAllowed(_("it could not be loaded within {seconds:.0f} seconds").format(seconds=seconds)) from None
    except (ValueError, IndexError):
        raise NotAllowed(_("loading it ends the program: it is damaged, or needs too much memory")) from None
    if "error" in answer:
        raise NotAllowed(answer["error"])
    return answer


def answer_apart(work: Callable[[], dict[str, Any]]) -> None:
    """The other side of `ask_apart`: do the work within the memory allowed and print what it returns."""
    limit_memory()
    try:
        with quiet():
            answer = work()
    except (NotAllowed, NotInstalled) as error:
        answer = {"error": str(error)}
    except Exception as error:  # what is in the file is not ours: Keras and LiteRT raise nearly anything
        answer = {"error": _("it cannot be loaded: {reason}").format(reason=first_sentence(error))}
    print(json.dumps(answer))


def first_sentence(error: Exception) -> str:
    """The beginning of what Keras says, which can be the whole description of the network."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:197]}..."


def limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY if hard < 0 else min(MEMORY, hard), hard))
