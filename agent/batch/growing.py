"""The files of a run: they only grow, and can be cut back to any length that was synced.

A gzipped one is a row of gzip members, which reads as one file (RFC 1952, section 2.2): syncing ends a member, so that
what lies before is whole whatever happens to the next one.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import BinaryIO

from vqa.errors import InputError

_GZIP = 31  # zlib's `wbits` for a gzip header, without a name or a time in it


def growing(path: Path, length: int) -> Growing:
    """Return a file to go on with, gzipped if its name ends so; raises InputError as `Growing` does."""
    return GrowingGzip(path, length) if path.suffix.lower() == ".gz" else Growing(path, length)


class Growing:
    """A file that only grows, from a given length on.

    Raises:
        InputError: It is shorter than that, so that it is not the file that the record speaks of.
    """

    def __init__(self, path: Path, length: int) -> None:
        self.path = path
        try:
            self._file: BinaryIO = path.open("r+b" if length else "wb")
            there = self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise InputError(f"{str(path)!r}: cannot be written ({error.strerror}); check the path") from None
        if there < length:
            self._file.close()
            raise InputError(f"{str(path)!r} is shorter than its run record says; start anew without --resume")
        self._file.truncate(length)
        self._file.seek(length)
        self.length = length
        """Bytes that were there to begin with."""

    def add(self, data: bytes) -> None:
        """Write at once, so that whoever follows the file sees it."""
        self._file.write(data)
        self._file.flush()

    def sync(self) -> int:
        """Wait until the content is on disk; return its length."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        self._file.close()


class GrowingGzip(Growing):
    """A gzipped file that only grows, from a length on that `sync` returned."""

    def __init__(self, path: Path, length: int) -> None:
        super().__init__(path, length)
        self._member = None if length else zlib.compressobj(wbits=_GZIP)  # of nothing a member is made, too

    def add(self, data: bytes) -> None:
        """Write at once: whoever unzips the file as far as it goes sees it."""
        if self._member is None:
            self._member = zlib.compressobj(wbits=_GZIP)
        super().add(self._member.compress(data) + self._member.flush(zlib.Z_SYNC_FLUSH))

    def sync(self) -> int:
        """End the member and wait until it is on disk; return the file's length."""
        if self._member is not None:
            super().add(self._member.flush())
            self._member = None
        return super().sync()
