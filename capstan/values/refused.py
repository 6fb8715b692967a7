"""The one way rules and actions say no."""


class Refused(ValueError):
    """What was asked for isn't allowed or makes no sense; nothing was changed.

    The message is a sentence for the person who asked – what is wrong and what to do – so it is shown as it
    is.
    """
