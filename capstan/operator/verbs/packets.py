"""`capstan packets USERNAME`: a session's last accounting packets, every attribute by name."""

from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("username", help="the line's username, or that of an unknown user")
    parser.add_argument(
        "--session", type=int, metavar="ID", help="this session; default: the one heard of last"
    )
    parser.add_argument("--last", type=int, default=10, metavar="N", help="how many packets; default: 10")
    parser.add_argument(
        "--hours", type=float, default=6.0, help="how far to look back from its last packet; default: 6"
    )
    parser.add_argument("--json", action="store_true", help="the same as JSON")


def run(arguments: Namespace) -> None:
    from datetime import timedelta

    from capstan.operator.as_json import as_json
    from capstan.operator.circumstances import saying
    from capstan.operator.packets import packets_of, session_of
    from capstan.operator.packets_view import page_of
    from capstan.operator.terminal import say
    from capstan.values import clock

    session = session_of(arguments.username, session_id=arguments.session)
    look_back = timedelta(hours=arguments.hours)
    packets = packets_of(session, limit=arguments.last, look_back=look_back)
    say(as_json(packets) if arguments.json else page_of(session, packets, look_back, saying(clock.now())))
