"""What a question asks, read off its words: what for, of which things, against what, and which answers it names.

Patterns and words alone; nothing here knows what any expert saw, but for the few that say of boxes whether they are
what is asked for.
"""
