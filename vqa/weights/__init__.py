"""Turns a model's name into a folder of verified local files."""

from vqa.weights.catalog import MODELS, Model, megabytes
from vqa.weights.store import Status, Store

__all__ = ["MODELS", "Model", "Status", "Store", "megabytes"]
