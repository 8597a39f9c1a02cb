"""Errors that tell a user what to do."""


class InputError(ValueError):
    """Bad input: a file, an argument, a value. The message names what, the offending value and the rule."""
