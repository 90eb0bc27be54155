"""Faces: where they are, and what people would say of them: a man's or a woman's, how old, and whether they smile."""
