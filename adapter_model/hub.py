"""Folders of Hugging Face repositories, from its cache where they are whole there, else from the network."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from vqa.errors import ModelUnavailable

_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?")


def is_repo(name: str) -> bool:
    """Return whether a name has the form owner/name or owner/name@revision."""
    return _REPO.fullmatch(name) is not None


def repo_folder(
    name: str, patterns: Sequence[str], *, has: Callable[[Path], bool], revision: str | None = None, offline: bool
) -> Path:
    """Return the local folder of a repository's files.

    Args:
        name: owner/name or owner/name@revision.
        patterns: The files wanted.
        has: Tells whether a folder holds all of them; one in the cache that does is used as it is.
        revision: Branch, tag or commit, if the name does not say.
        offline: Never use the network.

    Raises:
        ModelUnavailable: They are not here and cannot be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    repo, _, named = name.partition("@")
    revision = named or revision

    def folder(*, local: bool) -> Path:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(patterns), local_files_only=local))

    try:
        if has(cached := folder(local=True)):
            return cached
    except LocalEntryNotFoundError:
        pass
    if offline:
        raise ModelUnavailable(f"{name} is not in the Hugging Face cache and the network is not to be used (offline)")
    try:
        fetched = folder(local=False)
    except Exception as error:  # the library lets the errors of its HTTP library through, and that one changes
        why = (str(error) or repr(error)).strip().splitlines()[0]
        raise ModelUnavailable(f"{name}: no such folder, and the hub cannot give it ({why})") from None
    if not has(fetched):
        raise ModelUnavailable(f"{name}: that repository of the hub lacks some of {', '.join(patterns)}")
    return fetched
