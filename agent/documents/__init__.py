"""What of a read document is asked for: a value, what stands behind a key, a line by its place, the title."""
