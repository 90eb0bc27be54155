"""Remembers what experts saw: this process's findings in memory, everybody's on disk.

One SQLite file, shared by every process and every door (https://www.sqlite.org/wal.html). A finding is filed under the
picture's pixels, the expert's name and its `fingerprint` (settings, weights, code), so that a change of any of them
looks again. A second process that asks about a picture loads no expert. Whatever is wrong with the file or an entry is
logged and costs time, never the answer.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from vqa.protocols import CacheableExpert, Expert
from vqa.settings import Settings
from vqa.values import Finding

FINDING_FORMAT = 1
"""Part of every key; raised when a `Finding` written before means something else now."""
IN_MEMORY = 512
"""Findings that one process keeps at hand."""

_BUSY_S = 10.0  # how long another process may write before this one goes on without the cache
_USED_EVERY_S = 3600.0  # the last use of an entry is written down no more often than this
_PRUNED_TO = 0.9  # a full cache is emptied to this share of its size, oldest use first
_TABLE = """
CREATE TABLE IF NOT EXISTS findings (
    key TEXT PRIMARY KEY, expert TEXT NOT NULL, finding TEXT NOT NULL, checksum INTEGER NOT NULL, used REAL NOT NULL
) WITHOUT ROWID
"""

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """One expert's entries on disk; `used` is when one of them last served, in seconds since 1970."""

    expert: str
    findings: int
    bytes: int
    used: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class FindingCache:
    """Findings by picture and expert, in memory and, if there is a file, on disk; safe for threads and processes.

    Args:
        path: The SQLite file, made on first use; None keeps findings in memory only.
        most_bytes: The file's size from which the entries that were not used for longest are dropped.
    """

    def __init__(self, path: Path | None, *, most_bytes: int) -> None:
        self.path = path
        self.most_bytes = most_bytes
        self._memory: OrderedDict[tuple[str, str], Finding] = OrderedDict()
        self._lock = Lock()
        self._turn = Lock()  # SQLite lets threads that wait for one another give up, in no order

    @classmethod
    def from_settings(cls, settings: Settings) -> FindingCache:
        return on_disk(settings) if settings.cache else cls(None, most_bytes=0)

    def get(self, sha256: str, expert: Expert) -> Finding | None:
        """Return what the expert saw in the picture with this hash, if it is known; `seconds` is then 0."""
        if expert.uses_question:
            return None
        with self._lock:
            finding = self._memory.get((sha256, expert.name))
            if finding is not None:
                self._memory.move_to_end((sha256, expert.name))
        if finding is None and (key := self._key(sha256, expert)):
            finding = self._read(key, expert.name)
            if finding is not None:
                self._remember(sha256, finding)
        return finding and replace(finding, seconds=0.0)

    def put(self, sha256: str, expert: Expert, finding: Finding) -> None:
        """Keep what the expert saw, unless it depends on the question or is a failure."""
        if expert.uses_question or finding.error is not None:
            return
        self._remember(sha256, finding)
        if key := self._key(sha256, expert):  # only now: what the expert chose while loading is part of it
            self._write(key, finding)

    def contents(self) -> list[Kept]:
        """Return what is on disk, by expert."""

        def listed(db: sqlite3.Connection) -> list[Kept]:
            query = "SELECT expert, COUNT(*), SUM(LENGTH(finding)), MAX(used) FROM findings GROUP BY expert"
            return [Kept(*row) for row in db.execute(query)]

        return self._on_disk("list findings", listed, make=False) or []

    def clear(self, experts: Sequence[str] = ()) -> int:
        """Forget everything these experts saw, or all experts; return how many findings there were on disk."""
        with self._lock:
            for key in [key for key in self._memory if not experts or key[1] in experts]:
                del self._memory[key]
        chosen = f" WHERE expert IN ({', '.join('?' * len(experts))})" if experts else ""

        def delete(db: sqlite3.Connection) -> int:
            return db.execute(f"DELETE FROM findings{chosen}", list(experts)).rowcount

        return self._on_disk("clear findings", delete, make=False) or 0

    def _remember(self, sha256: str, finding: Finding) -> None:
        with self._lock:
            self._memory[sha256, finding.expert] = finding
            while len(self._memory) > IN_MEMORY:
                self._memory.popitem(last=False)

    def _key(self, sha256: str, expert: Expert) -> str | None:
        """Return what the finding is filed under, or None if it is not for the disk."""
        if self.path is None or not isinstance(expert, CacheableExpert) or not (mark := expert.fingerprint):
            return None
        return hashlib.sha256(f"{FINDING_FORMAT} {sha256} {expert.name} {mark}".encode()).hexdigest()

    def _read(self, key: str, expert: str) -> Finding | None:
        def read(db: sqlite3.Connection) -> Finding | None:
            row = db.execute("SELECT finding, checksum, used FROM findings WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            text, checksum, used = row
            try:
                if zlib.crc32(text.encode()) != checksum:
                    raise ValueError("its checksum differs")
                finding = Finding.from_dict(json.loads(text))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                _log.warning("cache: a finding of %s is damaged (%s); looking again", expert, error)
                db.execute("DELETE FROM findings WHERE key = ?", (key,))
                return None
            if abs(time.time() - used) > _USED_EVERY_S:
                db.execute("UPDATE findings SET used = ? WHERE key = ?", (time.time(), key))
            return finding

        return self._on_disk("read a finding", read, make=False)

    def _write(self, key: str, finding: Finding) -> None:
        text = json.dumps(asdict(finding))  # not to_dict, which rounds: what is read back equals what was seen
        row = (key, finding.expert, text, zlib.crc32(text.encode()), time.time())

        def write(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?)", row)
            db.commit()
            if _size(db) > self.most_bytes:
                _prune(db, int(self.most_bytes * _PRUNED_TO))

        self._on_disk("keep a finding", write)

    def _on_disk(self, purpose: str, action: Callable[[sqlite3.Connection], T], *, make: bool = True) -> T | None:
        """Return what `action` makes of the file, in one transaction; None if there is no file or it cannot be used.

        A connection for each costs a millisecond and works across threads and forks; an expert costs hundreds.
        """
        if self.path is None or not (make or self.path.exists()):
            return None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self.path.exists():
                self.path.touch(mode=0o600)  # it holds what pictures say
            with self._turn, closing(sqlite3.connect(self.path, timeout=_BUSY_S)) as db, db:
                db.execute("PRAGMA auto_vacuum = FULL")  # room that is freed goes back to the disk
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
                db.execute(_TABLE)
                return action(db)
        except (OSError, sqlite3.OperationalError) as error:  # busy, full, read-only: the file itself is sound
            _log.warning("cache: cannot %s (%s: %s); going on without", purpose, self.path, error)
        except sqlite3.DatabaseError as error:
            _log.warning("cache: %s is damaged (%s); starting a new one", self.path, error)
            for ending in ("", "-wal", "-shm"):
                with suppress(OSError):
                    self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        return None


def _prune(db: sqlite3.Connection, most_bytes: int) -> None:
    """Drop the entries whose last use is longest ago until the file is small enough."""
    while _size(db) > most_bytes and (entries := db.execute("SELECT COUNT(*) FROM findings").fetchone()[0]):
        oldest = "SELECT key FROM findings ORDER BY used LIMIT ?"
        db.execute(f"DELETE FROM findings WHERE key IN ({oldest})", (entries // 10 + 1,))
        db.commit()


def _size(db: sqlite3.Connection) -> int:
    """Return the bytes of the file."""
    pages, page_size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages * page_size)


def on_disk(settings: Settings) -> FindingCache:
    """Return the cache with its file, even where the settings say that it is not to be used."""
    return FindingCache(cache_file(settings), most_bytes=settings.cache_size * 1_000_000)


def cache_file(settings: Settings) -> Path:
    """Return where findings are kept."""
    return settings.home.absolute() / "findings.sqlite"
