"""Which of the answers that a question names people would rather say: "Is he sitting or standing?"."""

from __future__ import annotations

from collections.abc import Sequence

from vqa.agent.alternatives import named_alternatives
from vqa.agent.naming import Named, named
from vqa.agent.scene import told_of_scene
from vqa.values import Finding


def told_of_words(question: str, finding: Finding, findings: Sequence[Finding]) -> Named | None:
    """Return the likelier one as who weighs words has it; None if the question names none, or somebody else tells.

    Args:
        question: In its own words.
        finding: Of who weighs words.
        findings: Of everybody: what boxes name or a scene tells was seen, and not only said of the like.
    """
    answers = named_alternatives(question)
    if finding.error is not None or not finding.regions or {r.label for r in finding.regions} != set(answers):
        return None
    whole = [finding for finding in findings if finding.error is None]
    boxed = any(other.kind == "objects" and named(question, other) for other in whole)
    if boxed or any(other.kind == "scene" and told_of_scene(question, other, findings) for other in whole):
        return None
    best = finding.regions[0]
    return Named(" or ".join(answers), (best.label,), (best,))
