"""Commands that are not about one picture: a file for each, with a Typer `app` that `cli.py` adds."""
