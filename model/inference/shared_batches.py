"""Run single images from several threads as one batch."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Forward = Callable[[np.ndarray], np.ndarray]
MAX_BATCH = 32  # larger batches gain nothing, and their first image would wait longer


@dataclass(eq=False)
class _Waiting:
    """A thread's image, (1, height, width, channels), and what becomes of it.

    Attributes:
        image: The image.
        turn: Set once there is an answer, or once it is this thread's turn to run the network.
        rows: The row of probabilities, float32 (1, classes).
        error: What the network raised instead.
    """

    image: np.ndarray
    turn: threading.Event = field(default_factory=threading.Event)
    rows: np.ndarray | None = None
    error: Exception | None = None


class SharedPass:
    """A forward function that runs single images which arrive during one call together in the next.

    Nobody waits for others: the thread that finds the network free takes all waiting images along. At the end of a
    pass the image that has waited longest is told that it is its thread's turn, and those with an answer leave at once.
    Thread-safe.

    Attributes:
        forward: The network's own forward function.
    """

    def __init__(self, forward: Forward) -> None:
        self.forward = forward
        self.waiting: deque[_Waiting] = deque()
        self._lock = threading.Lock()  # of `waiting` and `_busy`
        self._busy = False  # whether a thread runs the network, or has been told that it is its turn

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the probabilities (n, classes) of images (n, height, width, channels).

        It raises what the network raises.
        """
        if len(images) != 1:
            return self.forward(images)
        mine = _Waiting(images)
        with self._lock:
            self.waiting.append(mine)
            if not self._busy:
                self._busy = True
                mine.turn.set()
        mine.turn.wait()
        if mine.rows is None and mine.error is None:
            self._run_next()
        if mine.error is not None:
            raise mine.error
        assert mine.rows is not None
        return mine.rows

    def _run_next(self) -> None:
        """Answer the images that have waited longest; the calling thread's is the first of them."""
        with self._lock:
            group = [self.waiting.popleft() for _ in range(min(len(self.waiting), MAX_BATCH))]
        try:
            rows = self.forward(np.concatenate([one.image for one in group]))
            for index, one in enumerate(group):
                one.rows = rows[index : index + 1]
        except Exception as error:
            for one in group:
                one.error = error
        finally:
            with self._lock:
                self._busy = bool(self.waiting)
                if self.waiting:
                    self.waiting[0].turn.set()
            for one in group:
                one.turn.set()
