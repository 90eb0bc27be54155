"""Splits captions into words as the COCO caption evaluation does: Penn Treebank tokens, lower case, no punctuation.

Chen et al., "Microsoft COCO Captions" (arXiv 1504.00325, §3.1) tokenise with Stanford's PTBTokenizer 3.4.1, in Java.
These rules give the same words for all but one of 41,812 captions that were tried (docs/evaluation.md).
"""

from __future__ import annotations

import re

# What the evaluation drops. Brackets stay: it looks for "-LRB-", but its tokenizer has already made "-lrb-" of it.
_DROPPED = frozenset("\" '' ' `` ` . ? ! , : - -- ... ;".split())
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "{": "-lcb-", "}": "-rcb-", "[": "-lsb-", "]": "-rsb-"}
_PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "--", "\u2014": "--", "\u2026": " "}
    | {"½": "1/2", "¼": "1/4", "¾": "3/4", "€": "$", "£": "#"}
)
_BEYOND = re.compile("[\U00010000-\U0010ffff]")  # the tokenizer knows no character beyond 16 bits: emoji

_TOKEN = re.compile(
    r"""
    (?i:https?://|www\.)[^\s"<>|()]+[^\s"<>|().!?,;-]          # addresses
  | [\w.+-]+@[\w-]+(?:\.[\w-]+)+
  | </?[A-Za-z]+/?>                                             # tags
  | (?:[A-Za-z]\.){2,}(?!\w) | Ph\.D\.?                         # U.S., a.m.
  | (?i:mr|mrs|ms|dr|st|jr|sr|vs|etc|inc|co|corp|ltd|prof|gen|col|lt|sgt|rev|ave|mt|ft|dept|messrs|capt|gov)\.(?!\w)
  | (?i:no)\.(?=\s*\d)
  | \d{1,2}:\d\d | [+-]?\d+(?:[:.,/-]\d+)+(?![^\W\d_]) | \d+(?:[.,/]\d+)+ | (?<!\S)[+-]\d+\b | \.\d+  # 3,000, 1/2
  | (?i:y'(?=all\b)|'t(?:is|was)\b)
  | '\d\ds?\b | '[nN]' | '(?:em|till?|cause)\b
  | (?:c'mon|e'er|s'mores|li'l|nor'easter|ev'ry|ol'(?!\w)|cont'd)
  | [A-HJ-XZnldjo]'[^\W\d_]{2,} | [^\W\d_]*[aeiouyAEIOUY]'[aeiouA-Z][^\W\d_]*       # O'Brien, s'il, ma'am
  | [^\W_]+?(?=[nN]'[tT]\b)                                     # do n't
  | [nN]'[tT]\b | '(?i:s|m|d|re|ve|ll)\b                        # dog 's
  | [cC](?:\+\+|\#) | [A-Z]+(?:&[A-Z]+)+ | [A-Z]\.(?=\s+\w|\s*$)
  | (?:[#@](?=[^\W\d]))?[^\W_]+(?:(?:[-_/]|\.(?=[^\W\d_]))[^\W_]+)*
  | [:;]-?[()] | [!?]{2,} | \S
    """,
    re.VERBOSE,
)
_SPLIT = {
    "cannot": "can not",
    "gonna": "gon na",
    "gotta": "got ta",
    "wanna": "wan na",
    "lemme": "lem me",
    "gimme": "gim me",
    "'tis": "'t is",
    "'twas": "'t was",
}


def tokenise(caption: str) -> list[str]:
    """Return the caption's words."""
    words: list[str] = []
    for token in _TOKEN.findall(_BEYOND.sub(" ", caption.translate(_PLAIN))):
        word = token.lower()
        for bracket, name in _BRACKETS.items():
            word = word.replace(bracket, name)
        words += _SPLIT.get(word, word).split()
    return [word for word in words if word not in _DROPPED]
