"""`capstan service suspend|resume|end`: a line's status."""

from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    deeds = parser.add_subparsers(dest="deed", metavar="deed", required=True)
    for name, about in (
        ("suspend", "put a line on hold: it goes to the walled garden"),
        ("resume", "take a line off hold"),
        ("end", "end a line for good: it is cut, its addresses are free"),
    ):
        deed = deeds.add_parser(name, help=about)
        deed.add_argument("username", help="the line's username")
        deed.add_argument("--reason", required=True, help="why; it is audited")


def run(arguments: Namespace) -> None:
    from capstan.operator.circumstances import actor
    from capstan.operator.find import service_named
    from capstan.operator.terminal import say
    from capstan.services.actions import end_service, resume, suspend
    from capstan.values import clock

    service = service_named(arguments.username)
    by = {"service_id": service.pk, "reason": arguments.reason, "actor": actor(), "now": clock.now()}
    act, done, nothing = {
        "suspend": (suspend, "is on hold", "was on hold already"),
        "resume": (resume, "is off hold", "wasn't on hold"),
        "end": (end_service, "has ended", "had ended already"),
    }[arguments.deed]
    if act(**by):
        say(
            f"{service.username} {done}. Open sessions follow within a second: see `capstan explain {service.username}`."
        )
    else:
        say(f"{service.username} {nothing}; nothing was changed.")
