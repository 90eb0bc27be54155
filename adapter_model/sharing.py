"""Prompts that begin alike: what several say of one picture, from their first token on, is computed once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def computed(prompts: Sequence[Sequence[int]], pictures: Sequence[Hashable]) -> tuple[list[int], list[int]]:
    """Return which tokens of prompts must be computed, and what stands in every slot.

    A token comes to what it does by those before it and by the picture; where both are the same, so is the token.

    Args:
        prompts: Token ids of each row.
        pictures: What each row is about; rows of different ones have nothing in common.

    Returns:
        The slots that are computed, in order, of all B T of rows that are padded on the left to the longest; and for
        each of the B T slots the place in that list of what stands in it, of padding some place or other.
    """
    longest = max(map(len, prompts))
    begun: dict[tuple[Hashable, int], int] = {}  # (what stands before, the token): its place
    tokens: list[int] = []
    slots: list[int] = []
    for row, (ids, picture) in enumerate(zip(prompts, pictures, strict=True)):
        padding = longest - len(ids)
        slots.extend([0] * padding)
        before: Hashable = ("picture", picture)
        for slot, token in enumerate(ids, row * longest + padding):
            place = begun.setdefault((before, token), len(tokens))
            if place == len(tokens):
                tokens.append(slot)
            slots.append(place)
            before = place
    return tokens, slots


def parts(tokens: Sequence[int], rows: int, longest: int) -> list[tuple[list[int], int]]:
    """Return the rows in one or two parts, and from which slot on tokens of a part's rows are computed.

    What a row begins with is mostly computed for another, so few rows have many tokens, and many have few.

    Args:
        tokens: The slots that are computed, of all `rows` times `longest`; in each row they are its last ones.
        rows: B.
        longest: T.
    """
    first = [longest - 1] * rows
    for slot in tokens:
        row, place = divmod(slot, longest)
        first[row] = min(first[row], place)
    order = sorted(range(rows), key=lambda row: first[row])

    def slots(many: int) -> int:
        """Return how many slots there are to compute if the first `many` rows are a part."""
        few = (rows - many) * (longest - first[order[many]]) if many < rows else 0
        return many * (longest - first[order[0]]) + few

    many = min(range(rows, 0, -1), key=slots)
    return [(sorted(some), first[some[0]]) for some in (order[:many], order[many:]) if some]
