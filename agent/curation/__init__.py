"""Curation of long descriptions (MiniGPT-4, arXiv 2304.10592, section 3.2): described, mended, kept or dropped."""
