"""Makes two sets of questions about pages, tables, forms and dialogs, from pictures that packages hold.

    apt-get download gnucash-docs gnumeric-doc homebank-data grisbi-common texlive-latex-recommended-doc
    for PACKAGE in *.deb; do dpkg -x $PACKAGE UNPACKED; done
    pip download --no-deps --no-binary :all: ocrmypdf==17.13.0 && tar xf ocrmypdf-17.13.0.tar.gz -C UNPACKED
    python benchmarks/pages.py UNPACKED OUT
    vqa eval OUT/pages-other.jsonl --image-root OUT

What was asked and what is printed there was written down by people who looked at the pictures, before or without seeing
any answer: pages_told.tsv beside this file, with tabs. Its first word says of which set a row is: the rules for pages
were chosen while looking at answers to `shown`; `other` was first asked when they stood. "-" is the answer where the
page has none. A page of a PDF (NAME.pdf#2, from 0 on) is drawn by pypdfium2, which is not among the dependencies.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

TOLD = Path(__file__).with_name("pages_told.tsv")
SIDE = 1400  # pixels of a drawn page's longer side
NO_ANSWER = "I cannot tell"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unpacked", type=Path, help="folder with the packages' files")
    parser.add_argument("out", type=Path, help="folder for the pictures and the two files of questions")
    options = parser.parse_args()
    rows = [line.split("\t") for line in TOLD.read_text(encoding="utf-8").splitlines()]
    pictures = {path: _picture(options.unpacked, path, options.out) for path in dict.fromkeys(row[1] for row in rows)}
    for name in dict.fromkeys(row[0] for row in rows):
        asked = [row for row in rows if row[0] == name]
        with (options.out / f"pages-{name}.jsonl").open("w", encoding="utf-8") as file:
            for number, (_, path, question, told) in enumerate(asked):
                answers = [NO_ANSWER] if told == "-" else told.split(" | ")
                row = {
                    "id": f"pages-{name}-{number}",
                    "image": pictures[path],
                    "question": question,
                    "answers": answers,
                    "type": "no answer" if told == "-" else "told",
                    "metric": "contains",
                }
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        print(f"pages-{name}: {len(asked)} questions")


def _picture(unpacked: Path, path: str, out: Path) -> str:
    """Write a picture into `out`, if it is not there, and return its name."""
    file, _, page = path.partition("#")
    name = f"{Path(file).stem}{'-' + page if page else ''}.png"
    out.mkdir(parents=True, exist_ok=True)
    if not (out / name).exists():
        (_drawn(unpacked / file, int(page)) if page else _opened(unpacked / file)).save(out / name)
    return name


def _opened(file: Path) -> Image:
    from PIL import Image

    with Image.open(file) as picture:
        return picture.convert("RGB")


def _drawn(file: Path, page: int) -> Image:
    import pypdfium2  # type: ignore[import-not-found]

    picture: Image = pypdfium2.PdfDocument(file)[page].render(scale=110 / 72).to_pil().convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    return picture


if __name__ == "__main__":
    main()
