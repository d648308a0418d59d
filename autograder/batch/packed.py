"""Records of a batch in little memory: a command holds those of its whole class until its end."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from autograder.records import Record

_AS_FAR_BACK = 2**15  # bytes that the method looks


class PackedRecords(Sequence[Record]):
    """A record of each student, in the order in which they came; each as one string of bytes, which is unpacked when it is asked for.

    Records of one assignment are much alike: of 18 kB of a real one hardly one is left when another one serves as dictionary.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._packed: dict[str, tuple[bytes, bytes]] = {}  # with the dictionary, which most of them share
        self._like = b""
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Adds a record, or puts it in the place of its student's earlier one."""
        plain = pickle.dumps(record, pickle.HIGHEST_PROTOCOL)
        if 2 * len(self._like) < len(plain) and len(self._like) < _AS_FAR_BACK:  # that of a rejected notebook shows little of the others
            self._like = plain[-_AS_FAR_BACK:]
        packer = zlib.compressobj(level=1, zdict=self._like)
        self._packed[record.student] = self._like, packer.compress(plain) + packer.flush()

    def update(self, others: PackedRecords) -> None:
        """Adds all of them."""
        for record in others:
            self.add(record)

    def of(self, students: Iterable[str]) -> PackedRecords:
        """The records of these students, in their order. Raises KeyError for one who has none."""
        chosen = PackedRecords()
        chosen._like = self._like
        chosen._packed = {student: self._packed[student] for student in students}
        return chosen

    def has(self, student: str) -> bool:
        """Whether there is a record of this student."""
        return student in self._packed

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[Record]:
        return map(_unpacked, self._packed.values())

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> list[Record]: ...
    def __getitem__(self, at: int | slice) -> Record | list[Record]:
        chosen = list(self._packed.values())[at]
        return [_unpacked(each) for each in chosen] if isinstance(chosen, list) else _unpacked(chosen)


def _unpacked(packed: tuple[bytes, bytes]) -> Record:
    like, data = packed
    record: Record = pickle.loads(zlib.decompressobj(zdict=like).decompress(data))
    return record
