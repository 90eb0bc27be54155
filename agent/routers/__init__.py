"""Routers, one per file; the registry scans this folder."""
