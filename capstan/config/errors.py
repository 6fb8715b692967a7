"""Mistakes of the operator or of the machine's set-up: shown as one sentence, never as a traceback."""


class OperatorError(Exception):
    """Something the operator can mend; the message says what is wrong and what to do."""
