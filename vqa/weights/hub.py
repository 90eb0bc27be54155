"""Weights of a Hugging Face repository, in the hub's own cache (https://huggingface.co/docs/huggingface_hub)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vqa.weights.manifest import sha256
from vqa.weights.sources import File, Interrupted, NotTried, Report, SourceError, check, within

_REACH_S = 5.0  # an unreachable hub costs no more


@dataclass(frozen=True)
class HubRepo:
    """Files of a Hugging Face repository; they stay in the hub's own cache, and its environment variables apply.

    Attributes:
        repo_id: "owner/name".
        revision: Full commit hash.
    """

    repo_id: str
    revision: str

    shows_progress: ClassVar[bool] = True

    @property
    def origin(self) -> str:
        return f"hub: {self.repo_id}"

    @property
    def folder(self) -> Path:
        """Where the hub's cache keeps this revision, there or not."""
        from huggingface_hub.constants import HF_HUB_CACHE

        return Path(HF_HUB_CACHE) / f"models--{self.repo_id.replace('/', '--')}" / "snapshots" / self.revision

    def download_size(self, files: Sequence[File]) -> int:
        return sum(file.size for file in files)

    def download(self, files: Sequence[File], folder: Path, report: Report) -> None:
        """Bring `files` into the hub's cache; `folder` is there. What is there already and sound is kept."""
        from huggingface_hub import HfApi, snapshot_download
        from huggingface_hub.constants import HF_HUB_OFFLINE

        if HF_HUB_OFFLINE:
            raise NotTried("HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set; unset it")
        self.discard([file for file in files if _digest(folder / file.name) not in (None, file.sha256)])
        try:
            within(
                _REACH_S, "the hub", lambda: HfApi().model_info(self.repo_id, revision=self.revision, timeout=_REACH_S)
            )
            snapshot_download(self.repo_id, revision=self.revision, allow_patterns=[file.name for file in files])
        except SourceError:
            raise
        except Exception as error:  # the library lets the errors of its HTTP library through, and that one changes
            status = getattr(getattr(error, "response", None), "status_code", None)
            kind = SourceError if status is not None and status < 500 else Interrupted
            raise kind(f"{self.origin}: {(str(error) or repr(error)).strip().splitlines()[0]}") from None
        for file in files:
            check(file.name, _digest(folder / file.name) or "missing", file.sha256)

    def discard(self, files: Sequence[File]) -> None:
        """Delete `files` from the hub's cache, links and what they link to."""
        for file in files:
            path = self.folder / file.name
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)


def _digest(path: Path) -> str | None:
    return sha256(path) if path.is_file() else None
