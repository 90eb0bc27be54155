"""What a text reader is to the `ocr` expert."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from vqa.settings import Settings
from vqa.values import Region

if TYPE_CHECKING:
    from PIL.Image import Image


class Engine(Protocol):
    """Loaded weights that read; safe to share between threads."""

    def read(self, picture: Image) -> list[Region]:
        """Return the pieces of text in an RGB picture, in its pixels and no particular order: words or parts of lines.

        Doubtful ones too; a score is about the share of such words that are right.
        """
        ...


class Reader(Protocol):
    """A choice of weights; constructing one loads nothing.

    Attributes:
        name: What the setting `ocr_model` calls it.
    """

    name: ClassVar[str]

    @classmethod
    def from_settings(cls, settings: Settings) -> Self: ...

    @property
    def model(self) -> str:
        """What a finding calls it."""
        ...

    @property
    def fingerprint(self) -> str:
        """What a reading depends on besides the picture; see `vqa.protocols.CacheableExpert`."""
        ...

    def available(self) -> str | None: ...

    def load(self) -> Engine:
        """Return the loaded weights, fetched if they are not here.

        Raises:
            InputError: It does not know a language of the settings.
            ModelUnavailable: The weights or a package are not here and cannot be had.
        """
        ...
