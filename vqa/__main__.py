"""`python -m vqa` is the `vqa` command."""

from vqa.cli import main

main()
