"""`capstan status`: the whole installation on one screen."""

from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the same as JSON")


def run(arguments: Namespace) -> None:
    from capstan.operator.as_json import as_json
    from capstan.operator.circumstances import saying
    from capstan.operator.status.collect import status
    from capstan.operator.status.view import page_of
    from capstan.operator.terminal import say
    from capstan.values import clock

    now = clock.now()
    found = status(now=now)
    say(as_json(found) if arguments.json else page_of(found, saying(now)))
