"""What took time to work out, kept while all of it together needs no more memory than was set."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Set
from concurrent.futures import Future
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, TypeVar

import numpy as np

V = TypeVar("V")


def size_of(value: object, counted: set[int] | None = None) -> int:
    """About how many bytes a value holds in memory; what is in it several times counts once.

    A part of an array counts as the whole array, which it keeps in memory.
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
class Entry:
    """A value that is kept or under way; size: its bytes, and those of its key, once it is there."""

    future: Future[Any]
    size: int = 0


class Cache(Generic[V]):
    """Values by key that together take `budget` bytes at most: the least recently asked make room. Thread-safe.

    A value that takes more by itself is handed out and not kept. most: how many are kept at most, where that counts as
    well; size: the bytes of a value; after_drop: called when values have made room.
    """

    def __init__(
        self,
        budget: int,
        most: int = sys.maxsize,
        size: Callable[[V], int] = size_of,
        after_drop: Callable[[], object] = lambda: None,
    ) -> None:
        self.budget, self.most, self.size, self.after_drop = budget, most, size, after_drop
        self.entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self.guard = threading.Lock()

    @property
    def total(self) -> int:
        """The bytes of all that is kept."""
        with self.guard:
            return sum(entry.size for entry in self.entries.values())

    def __len__(self) -> int:
        """How many values are there; those under way do not count."""
        with self.guard:
            return sum(entry.size > 0 for entry in self.entries.values())

    def peek(self, key: Hashable) -> V | None:
        """The value, if it is there."""
        with self.guard:
            entry = self.entries.get(key)
            if entry is None or not entry.size:
                return None
            self.entries.move_to_end(key)
            value: V = entry.future.result()
            return value

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value, made if it is not there; threads that ask together wait for one of them to make it.

        What `make` raises is told to all of them, and the next one who asks tries again.
        """
        with self.guard:
            known = self.entries.get(key)
            if known is not None:
                self.entries.move_to_end(key)
            else:
                entry = self.entries[key] = Entry(Future())
        if known is not None:
            found: V = known.future.result()
            return found
        try:
            value = make()
            self.settle(key, entry, value)
        except BaseException as error:
            self.forget(key, entry)
            entry.future.set_exception(error)
            raise
        return value

    def put(self, key: Hashable, value: V) -> None:
        """Keep a value, in place of the one that there may be."""
        with self.guard:
            entry = self.entries[key] = Entry(Future())
        self.settle(key, entry, value)

    def settle(self, key: Hashable, entry: Entry, value: V) -> None:
        """Hand a value to those who wait for it, and keep it if there is room for it at all."""
        size = max(1, self.size(value) + size_of(key))
        entry.future.set_result(value)
        if size > self.budget:
            self.forget(key, entry)
            return
        with self.guard:
            entry.size = size
            dropped = self.make_room()
        if dropped:
            self.after_drop()

    def forget(self, key: Hashable, entry: Entry) -> None:
        with self.guard:
            if self.entries.get(key) is entry:
                del self.entries[key]

    def make_room(self) -> bool:
        """Drop the least recently asked until what is kept fits; returns whether any was. Called with `guard` held."""
        there = [(key, entry.size) for key, entry in self.entries.items() if entry.size]
        total, count = sum(size for _, size in there), len(there)
        kept = count
        for key, size in there:
            if total <= self.budget and kept <= self.most:
                break
            del self.entries[key]
            total, kept = total - size, kept - 1
        return kept < count
