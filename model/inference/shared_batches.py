"""Single pictures from several threads, put into one pass of the network."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Forward = Callable[[np.ndarray], np.ndarray]
MOST = 32  # pictures a shared pass: more win nothing, and the first of them would wait longer


@dataclass(eq=False)
class Waiting:
    """One thread's picture (1, height, width, channels), and its row of probabilities or the error, once known."""

    image: np.ndarray
    rows: np.ndarray | None = None
    error: Exception | None = None


class SharedPass:
    """A forward function that runs single pictures which arrive during a pass together in the next.

    Nobody waits for company: whoever finds the network free takes along all who are waiting. Thread-safe.
    """

    def __init__(self, forward: Forward) -> None:
        self.forward = forward
        self.waiting: deque[Waiting] = deque()
        self.running = threading.Lock()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes) of pictures (n, height, width, channels). Raises what the network raises."""
        if len(images) != 1:
            return self.forward(images)
        mine = Waiting(images)
        self.waiting.append(mine)
        with self.running:
            # Another thread may have taken this picture along while this one waited for the lock.
            if mine.rows is None and mine.error is None:
                self.run([self.waiting.popleft() for _ in range(min(len(self.waiting), MOST))], mine)
        if mine.error is not None:
            raise mine.error
        assert mine.rows is not None
        return mine.rows

    def run(self, group: list[Waiting], mine: Waiting) -> None:
        """Fill in the answers of the group; called with the lock held."""
        if mine not in group:  # more than MOST were waiting before it
            self.waiting.remove(mine)
            group.append(mine)
        try:
            rows = self.forward(np.concatenate([one.image for one in group]))
        except Exception as error:
            for one in group:
                one.error = error
            return
        for index, one in enumerate(group):
            one.rows = rows[index : index + 1]
