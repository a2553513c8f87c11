"""Run one of our modules in a process of its own, where an untrusted file can do no harm.

The process prints one line of JSON: the result as an object, or {"error": reason}. If the file crashes it, keeps it
busy for ever or fills its memory, only that process is affected.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from model.common.errors import UnsafeModelError
from model.common.extras import NotInstalled
from model.common.keras_import import WITHOUT_GPU
from model.common.stderr_filter import quiet
from model.i18n import translations
from model.i18n.translations import gettext as _

_MAX_MEMORY = 8 * 2**30  # bytes of address space; TensorFlow alone reserves 2 GiB
TIMEOUT_SECONDS = 180
ROOT = Path(__file__).parent.parent.parent


def run_sandboxed(module: str, arguments: Sequence[str], timeout_seconds: float = TIMEOUT_SECONDS) -> dict[str, Any]:
    """Run `python -m MODULE ARGUMENTS` in a sandbox and return the JSON object that it prints.

    Args:
        module: The dotted name of a module that calls `print_result`.
        arguments: Its command-line arguments.
        timeout_seconds: After this time the process is killed.

    Raises:
        UnsafeModelError: The file was refused, the process crashed, or it took too long; the message is the reason.
    """
    # A GPU driver reserves more address space than _MAX_MEMORY, and no GPU is needed to inspect a file.
    environment = os.environ | WITHOUT_GPU | {translations.VARIABLE: translations.current_language()}
    command = [sys.executable, "-m", module, *arguments]
    try:
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, timeout=timeout_seconds, check=False
        )
        answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        raise UnsafeModelError(
            _("it could not be loaded within {seconds:.0f} seconds").format(seconds=timeout_seconds)
        ) from None
    except (ValueError, IndexError):
        raise UnsafeModelError(_("loading it ends the program: it is damaged, or needs too much memory")) from None
    if "error" in answer:
        raise UnsafeModelError(answer["error"])
    return answer


def print_result(work: Callable[[], dict[str, Any]]) -> None:
    """Do the work within the memory limit and print its result: the other side of `run_sandboxed`."""
    limit_memory()
    try:
        with quiet():
            answer = work()
    except (UnsafeModelError, NotInstalled) as error:
        answer = {"error": str(error)}
    except Exception as error:  # Keras and LiteRT raise nearly anything on untrusted files
        answer = {"error": _("it cannot be loaded: {reason}").format(reason=_shortened_message(error))}
    print(json.dumps(answer))


def _shortened_message(error: Exception) -> str:
    """Return the beginning of an exception's message: Keras's can contain the description of the whole network."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:197]}..."


def limit_memory() -> None:
    """Limit the address space of this process to `_MAX_MEMORY` bytes, where the system can do that."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY if hard < 0 else min(_MAX_MEMORY, hard), hard))
