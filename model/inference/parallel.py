"""Many things done in several threads, with the results in order: decoding and networks run outside Python's lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing, nullcontext
from itertools import count, takewhile
from typing import Any, TypeVar

from model.i18n.translations import current_language, use_language

_T = TypeVar("_T")
_R = TypeVar("_R")
_AHEAD = 4  # items a thread that are taken before their turn, so that one slow picture does not stop the others


def map_in_order(
    function: Callable[[_T], _R],
    items: Iterable[_T],
    threads: int,
    executor: Executor | None = None,
    ahead: int | None = None,
) -> Generator[_R]:
    """Call a function in several threads, and yield its results in the order of the items.

    Each result comes as soon as it and those before it are there. Items are taken a few ahead, and results wait in no
    larger number, so memory does not grow with the items. What the function raises is raised when its turn comes.
    When the caller stops early, what is in work is waited for, and nothing else is begun. Messages are in the caller's
    language.

    Args:
        function: What to call.
        items: What to call it with.
        threads: How many threads; with one, the function is called when its result is asked for.
        executor: Whose threads to take, if they are not for this alone.
        ahead: How many items to take before their turn; None for a few.
    """
    if threads == 1 and executor is None:
        yield from map(function, items)
        return
    call, most = _in_language(function), ahead or threads * _AHEAD
    waiting: deque[Future[_R]] = deque()
    with nullcontext(executor) if executor else ThreadPoolExecutor(threads, "ordered") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(call, item))
                while waiting and (waiting[0].done() or len(waiting) >= most):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            wait([future for future in waiting if not future.cancel()])


def run_ahead(items: Iterator[_T], ahead: int = 1) -> Iterator[_T]:
    """Yield the same items, which a thread of its own takes a few before their turn: those of a generator that works.

    What the items raise is raised in its turn. When the caller stops early, the item in work is waited for.
    """
    end: Any = object()
    take = _in_language(lambda _turn: next(items, end))
    with ThreadPoolExecutor(1, "ahead") as thread, closing(map_in_order(take, count(), 1, thread, ahead + 1)) as taken:
        yield from takewhile(lambda item: item is not end, taken)


def _in_language(function: Callable[[_T], _R]) -> Callable[[_T], _R]:
    """Return a function that does the same in any thread, with messages in the language of this one."""
    language = current_language()

    def call(item: _T) -> _R:
        with use_language(language):
            return function(item)

    return call
