"""What Korean questions ask, in English: those of whole questions, which the patterns know in English alone."""

from __future__ import annotations

import re
from functools import lru_cache

_ASKED = tuple(
    (re.compile(korean), english)
    for korean, english in (
        (r"날씨", "What is the weather like?"),
        (r"계절", "What season is it?"),
        (r"실내.*(?:실외|야외)|(?:실외|야외).*실내", "Is this indoors or outdoors?"),
        (r"낮.*밤|밤.*낮", "Is it day or night?"),
        (r"배경", "What is in the background?"),
        (r"(?:책상|식탁|테이블|탁자) 위에? ?(?:는|에는)? ?(?:무엇|뭐)", "What is on the table?"),
        (r"(?:무엇|뭐)(?:이|가)? ?(?:있|보이)", "What objects are in the image?"),
        (r"(?:무슨|어떤) (?:운동|스포츠)", "What sport is this?"),
        (r"어디(?:에서|서) ?(?:찍|촬영)", "Where was this taken?"),
        *(
            (rf"{thing}(?:이|가|는|은|도)? ?(?:있(?!는|고)|보이)", f"{be} there {english}?")
            for thing, be, english in (
                ("나무", "Are", "trees"),
                ("꽃", "Are", "flowers"),
                ("(?:잔디|풀)", "Is", "grass"),
                ("(?<!우)산", "Is", "a mountain"),
                ("바다", "Is", "an ocean"),
                ("(?<![가-힣])강", "Is", "a river"),
                ("(?<![가-힣])물", "Is", "water"),
                ("모래", "Is", "sand"),
                ("(?:해변|바닷가)", "Is", "a beach"),
                ("울타리", "Is", "a fence"),
                ("건물", "Are", "buildings"),
                ("거울", "Is", "a mirror"),
                ("창문", "Is", "a window"),
                ("깃발", "Is", "a flag"),
            )
        ),
        (r"비가 (?:오|내리)", "Is it raining?"),
        (r"(?:무엇|무슨 옷|뭐|뭘)(?:을|를)? ?입고", "What is the person wearing?"),
        (r"(?:남자|여자|사람|아이|소년|소녀)[가-힣]* (?:무엇|뭐|뭘)(?:을|를)? ?하고 ?있", "What is the person doing?"),
        (r"(?<![가-힣])(?:개|강아지)[가-힣]* (?:무엇|뭐|뭘)(?:을|를)? ?하고 ?있", "What is the dog doing?"),
        (r"고양이[가-힣]* (?:무엇|뭐|뭘)(?:을|를)? ?하고 ?있", "What is the cat doing?"),
        *(
            (rf"(?<![가-힣]){name}(?:이|가|는|은|들이|들은)? ?어디(?:에)? ?(?:있|계)", f"Where is the {english}?")
            for name, english in (
                ("(?:남자|여자|사람|아이|소년|소녀)", "person"),
                ("(?:개|강아지)", "dog"),
                ("고양이", "cat"),
                ("새", "bird"),
                ("말", "horse"),
                ("소", "cow"),
                ("버스", "bus"),
                ("(?:자동차|차)", "car"),
            )
        ),
        (r"^\s*(?:이게|이건|이것은|이거|저게|저건|저것은|저거) ?(?:뭐|무엇|뭔)", "What is this?"),
    )
)


@lru_cache(maxsize=4096)  # routing, folding and trust read the same question, each of them several times
def in_plain_english(question: str) -> str:
    """Return the English question that a Korean one asks, as far as it is one of these; "" for any other."""
    if question.isascii():
        return ""
    return next((english for korean, english in _ASKED if korean.search(question)), "")
