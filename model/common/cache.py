"""A thread-safe cache with a memory budget: the least recently used values are evicted."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Set
from concurrent.futures import Future
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from model.common.errors import VitrineError
from model.i18n.translations import current_language, use_language

_V = TypeVar("_V")


def size_of(value: object, counted: set[int] | None = None) -> int:
    """Estimate how many bytes a value takes in memory.

    A view of an array counts as the whole array, because it keeps that alive. Objects that occur several times are
    counted once.

    Args:
        value: Arrays, mappings, sequences and dataclasses are followed; anything else is measured by `sys.getsizeof`.
        counted: Ids of the objects counted so far; leave it out.
    """
    counted = set() if counted is None else counted
    while isinstance(value, np.ndarray) and isinstance(value.base, np.ndarray):
        value = value.base
    if id(value) in counted:
        return 0
    counted.add(id(value))
    if isinstance(value, np.ndarray):
        return value.nbytes
    parts: list[object] = []
    if isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, tuple | list | Set):
        parts = list(value)
    elif is_dataclass(value):
        parts = [getattr(value, field.name) for field in fields(value)]
    return sys.getsizeof(value) + sum(size_of(part, counted) for part in parts)


@dataclass
class _Entry:
    """A cached value, or one that a thread is computing; `size` (bytes, with its key) is 0 until the value is there."""

    future: Future[Any]
    size: int = 0


class _InterruptedError(VitrineError):
    """Tells those who wait that whoever computed a value was interrupted."""


class Cache(Generic[_V]):
    """A map from keys to values that together take at most `budget` bytes. Thread-safe.

    A value that is larger than the whole budget is returned but not cached.

    Args:
        budget: Bytes for all values and their keys.
        limit: Maximum number of values.
        size: Measures a value in bytes.
        on_evict: Called after values have been evicted.
    """

    def __init__(
        self,
        budget: int,
        limit: int = sys.maxsize,
        size: Callable[[_V], int] = size_of,
        on_evict: Callable[[], object] = lambda: None,
    ) -> None:
        self.budget, self.limit, self.size, self.on_evict = budget, limit, size, on_evict
        self.entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self.lock = threading.Lock()

    @property
    def total(self) -> int:
        """The number of bytes that all cached values take."""
        with self.lock:
            return sum(entry.size for entry in self.entries.values())

    def __len__(self) -> int:
        """Return the number of cached values, without those still being computed."""
        with self.lock:
            return sum(entry.size > 0 for entry in self.entries.values())

    def peek(self, key: Hashable) -> _V | None:
        """Return the value if it is cached, else None."""
        with self.lock:
            entry = self.entries.get(key)
            if entry is None or not entry.size:
                return None
            self.entries.move_to_end(key)
            value: _V = entry.future.result()
            return value

    def listed(self) -> list[Hashable]:
        """Return the keys of the values that are cached, the one that was asked for last first."""
        with self.lock:
            return [key for key, entry in reversed(self.entries.items()) if entry.size]

    def get(self, key: Hashable, make: Callable[[], _V]) -> _V:
        """Return the cached value, or compute it with `make` and cache it.

        Threads that ask for the same key at the same time wait while one of them computes the value. If `make` raises,
        all of them get its exception, and the next call tries again. If the one that computes is interrupted, as a page
        is whose visitor leaves, the next of them computes.
        """
        while True:
            with self.lock:
                known = self.entries.get(key)
                if known is not None:
                    self.entries.move_to_end(key)
                else:
                    entry = self.entries[key] = _Entry(Future())
            if known is None:
                return self._compute(key, entry, make)
            try:
                found: _V = known.future.result()
            except _InterruptedError:
                continue
            return found

    def _compute(self, key: Hashable, entry: _Entry, make: Callable[[], _V]) -> _V:
        try:
            # The language is settled first: asking for a visitor's may interrupt a thread whose visitor has left.
            with use_language(current_language()):
                value = make()
            self.store(key, entry, value)
        except BaseException as error:
            self.discard(key, entry)
            entry.future.set_exception(error if isinstance(error, Exception) else _InterruptedError())
            raise
        return value

    def put(self, key: Hashable, value: _V) -> None:
        """Cache a value; it replaces an earlier one."""
        with self.lock:
            entry = self.entries[key] = _Entry(Future())
        self.store(key, entry, value)

    def store(self, key: Hashable, entry: _Entry, value: _V) -> None:
        """Hand a value to the threads waiting for it, and keep it if it fits into the budget."""
        size = max(1, self.size(value) + size_of(key))
        entry.future.set_result(value)
        if size > self.budget:
            self.discard(key, entry)
            return
        with self.lock:
            entry.size = size
            dropped = self.evict()
        if dropped:
            self.on_evict()

    def discard(self, key: Hashable, entry: _Entry) -> None:
        """Remove an entry, unless another one has taken its place."""
        with self.lock:
            if self.entries.get(key) is entry:
                del self.entries[key]

    def evict(self) -> bool:
        """Drop the least recently used values until the rest fits; call it with `lock` held.

        Returns:
            Whether any value was dropped.
        """
        there = [(key, entry.size) for key, entry in self.entries.items() if entry.size]
        total, count = sum(size for _, size in there), len(there)
        kept = count
        for key, size in there:
            if total <= self.budget and kept <= self.limit:
                break
            del self.entries[key]
            total, kept = total - size, kept - 1
        return kept < count
