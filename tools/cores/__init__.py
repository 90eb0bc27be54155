"""Cores that other ecosystems answer with, one per file; the registry scans this folder too."""
