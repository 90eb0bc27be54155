"""What cores share whose adapter and language model the user names: released ones, converted, or their own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from vqa.adapter_model.adapter_core import AdapterCore
from vqa.adapter_model.checkpoints import WEIGHTS
from vqa.adapter_model.presets import preset_folder, preset_names
from vqa.errors import ModelUnavailable


class ChosenAdapterCore(AdapterCore):
    """A core on the adapter and the base model that the settings name.

    Attributes:
        releases: Where the released checkpoints are.
    """

    releases: ClassVar[str]
    context: ClassVar[int] = 2047  # what LLaMA 1 was trained on, less the token that begins a text

    @property
    def adapter(self) -> str:
        if missing := self._missing_adapter():
            raise ModelUnavailable(missing)
        return self._settings.adapter

    @property
    def base_model(self) -> str:
        return self._settings.base_model or super().base_model

    def available(self) -> str | None:
        return self._missing_adapter() or super().available()

    def convert(self, source: Path, folder: Path) -> list[str]:
        """Write a released .pth checkpoint as an adapter's folder; return what there is to say about it.

        Raises:
            InputError: Not a released checkpoint, damaged, of another base model than the settings name, or there is
                an adapter in `folder` already.
        """
        from vqa.adapter_model.convert import convert

        return convert(source, folder, self._settings)

    def average(self, adapters: Sequence[str], folder: Path) -> list[str]:
        """Write the mean of some adapters' weights as a folder; return what there is to say about it.

        Raises:
            InputError: Fewer than two, not of one shape, or there is an adapter in `folder` already.
        """
        from vqa.adapter_model.averaging import average

        return average(adapters, folder, self._settings)

    def _missing_adapter(self) -> str | None:
        name = self._settings.adapter
        if not name:
            return "no adapter chosen: give --adapter a folder, or owner/name on the hub"
        if name in preset_names() and not (preset_folder(name) / WEIGHTS).is_file():
            return (
                f"preset {name!r} comes without weights: get its .pth from {self.releases}, "
                "run `vqa models convert FILE.pth FOLDER`, and give --adapter FOLDER"
            )
        return None

    @cached_property
    def _special_ids(self) -> tuple[tuple[int, ...], frozenset[int]]:
        from vqa.adapter_model.base_model import base_folder, special_ids

        return special_ids(base_folder(self.base_model, self._settings))

    @property
    def begin_ids(self) -> tuple[int, ...]:
        return self._special_ids[0]

    @property
    def _stop_ids(self) -> frozenset[int]:
        return self._special_ids[1]
