"""The only exceptions that cross the public border; each knows the exit code the command line gives it."""


class VQAError(Exception):
    """Any failure this project reports itself; the message is one line that says what to do."""

    exit_code = 1


class InputError(VQAError):
    """The caller's picture, question, option or file cannot be used."""

    exit_code = 2


class ModelUnavailable(VQAError):
    """Weights or a package are missing and cannot be had right now."""

    exit_code = 3


class PartialFailure(VQAError):
    """Some rows or pictures failed; the others are done."""

    exit_code = 4
