"""`capstan session close|assign`: decisions about a session. The meter carries them out as it folds."""

from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    decisions = parser.add_subparsers(dest="decision", metavar="decision", required=True)
    close = decisions.add_parser("close", help="close a session that its router doesn't know any more")
    assign = decisions.add_parser(
        "assign", help="give an unknown user's session, with all its usage, to a service"
    )
    for one in (close, assign):
        one.add_argument(
            "session", type=int, metavar="ID", help="the session's id, as `capstan explain` shows it"
        )
        one.add_argument("--reason", required=True, help="why; it is audited")
    assign.add_argument("username", help="the username of the service that gets it")


def run(arguments: Namespace) -> None:
    from capstan.metering.actions.control import assign_session, close_session
    from capstan.operator.circumstances import actor
    from capstan.operator.find import service_named
    from capstan.operator.terminal import say
    from capstan.values import clock

    by = {"actor": actor(), "reason": arguments.reason, "now": clock.now()}
    if arguments.decision == "close":
        close_session(arguments.session, **by)
        say(f"Session {arguments.session} will be closed when the meter comes to it, within a second.")
    else:
        service = service_named(arguments.username)
        assign_session(arguments.session, service_id=service.pk, **by)
        say(
            f"Session {arguments.session} and its usage will be {service.username}'s when the meter comes to it."
        )
