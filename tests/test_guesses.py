"""Yes or no to a thing that no detector knows and nobody saw is withheld, of a core that is known to guess then."""

import pytest

from vqa.agent.trust.confidence import shipped
from vqa.agent.trust.judging import CANNOT_TELL, judged
from vqa.values import Answer, Finding, Prompt, Question, Region, Route

DETECTOR = Finding("detect", "objects", "", (), vocabulary=("dog", "cup"), size=(90, 90))
CAPTION = Finding("caption", "caption", "A dragon flies.", (Region((0, 0, 90, 90), "A dragon flies.", 0.5),))
BROKEN = Finding("detect", "objects", "", (), error="took longer than 20 s", vocabulary=("dog", "cup"))
MEASURED = shipped().cores[0]


@pytest.mark.parametrize(
    ("question", "findings", "core", "least", "shown"),
    [
        ("Is there a dragon?", [DETECTOR], MEASURED, 0.01, False),
        ("Is there a dragon?", [DETECTOR], MEASURED, 0.0, True),  # come what may
        ("Is there a dragon?", [DETECTOR], "somebody's own", 0.01, True),  # who may see it
        ("Is there a dragon?", [DETECTOR, CAPTION], MEASURED, 0.01, True),
        ("Is there a dragon?", [BROKEN], MEASURED, 0.01, True),
        ("Is there a dog?", [DETECTOR], MEASURED, 0.01, True),
        ("Is the dragon asleep?", [DETECTOR], MEASURED, 0.01, True),
    ],
)
def test_a_guess_is_withheld(question: str, findings: list[Finding], core: str, least: float, shown: bool) -> None:
    prompt, route = Prompt("", (), (), 0, 0), Route((), "", "none")
    given = Answer("Yes", None, Question(question), route, tuple(findings), prompt, core, {}, core_confidence=0.9)
    told = judged(given, min_confidence=least)
    assert told.text == ("Yes" if shown else CANNOT_TELL)
    if not shown:
        assert told.abstention == "the detector does not know “dragon”"
        assert told.withheld == "Yes"
