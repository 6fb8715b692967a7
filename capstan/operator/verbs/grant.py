"""`capstan grant USERNAME SIZE`: a bucket by hand."""

from argparse import ArgumentParser, Namespace

KINDS = ("topup", "bonus", "goodwill")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("username", help="the line's username")
    parser.add_argument("size", help="how much, as in 2GB or 500MB")
    parser.add_argument("--kind", choices=KINDS, default="topup", help="default: topup")
    parser.add_argument(
        "--expires",
        metavar="WHEN",
        help="a day such as 2026-12-31 (to its end), a time, or never; default: the end of the cycle",
    )
    parser.add_argument("--reason", required=True, help="why; it stays with the bucket")
    parser.add_argument(
        "--reference", default="", help="a grant with a reference that was used before changes nothing"
    )


def run(arguments: Namespace) -> None:
    from capstan.operator.circumstances import actor, saying
    from capstan.operator.grant import Wanted, grant
    from capstan.operator.terminal import say
    from capstan.values import clock

    now = clock.now()
    wanted = Wanted(arguments.username, arguments.size, arguments.kind, arguments.expires, arguments.reason)
    say(grant(wanted, reference=arguments.reference, actor=actor(), say=saying(now)))
