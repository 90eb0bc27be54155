"""Errors that cross the border, and the exit codes they stand for."""

from __future__ import annotations

import pytest

import vqa
from vqa.errors import InputError, ModelUnavailable, PartialFailure, VQAError


@pytest.mark.parametrize(
    ("error", "code"), [(VQAError, 1), (InputError, 2), (ModelUnavailable, 3), (PartialFailure, 4)]
)
def test_each_error_has_its_exit_code(error: type[VQAError], code: int) -> None:
    assert error("why").exit_code == code
    assert issubclass(error, VQAError)


def test_every_public_name_is_there() -> None:
    assert all(getattr(vqa, name) is not None for name in vqa.__all__)
    assert set(vqa.__all__) <= set(dir(vqa))


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        vqa.nothing  # noqa: B018
