"""Doors to other ecosystems, one per file."""
