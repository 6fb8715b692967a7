"""`capstan explain USERNAME`: what a line has, what it should have, and why."""

from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("username", help="the line's username, as its router sends it")
    parser.add_argument("--json", action="store_true", help="the same as JSON")


def run(arguments: Namespace) -> None:
    from capstan.operator.as_json import as_json
    from capstan.operator.circumstances import saying
    from capstan.operator.explain.collect import explain
    from capstan.operator.explain.facts import UnknownLine
    from capstan.operator.explain.view import page_of, unknown_page
    from capstan.operator.terminal import say
    from capstan.values import clock

    now = clock.now()
    found = explain(arguments.username, now=now)
    if arguments.json:
        say(as_json(found))
    elif isinstance(found, UnknownLine):
        say(unknown_page(found, saying(now)))
    else:
        say(page_of(found, saying(now)))
