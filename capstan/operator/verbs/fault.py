"""`capstan fault list|release|dismiss`: usage that is held apart, and what becomes of it."""

from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    decisions = parser.add_subparsers(dest="decision", metavar="decision", required=True)
    decisions.add_parser("list", help="the faults that wait for a decision")
    release = decisions.add_parser("release", help="count what a fault holds apart: the router was right")
    dismiss = decisions.add_parser("dismiss", help="drop what a fault holds apart: the router was wrong")
    for one in (release, dismiss):
        one.add_argument(
            "fault", type=int, metavar="ID", help="the fault's id, as `capstan fault list` shows it"
        )
        one.add_argument("--reason", required=True, help="why; it is audited")


def run(arguments: Namespace) -> None:
    from capstan.metering.actions.control import decide_fault
    from capstan.operator.circumstances import actor, saying
    from capstan.operator.faults_view import open_faults_page
    from capstan.operator.terminal import say
    from capstan.values import clock

    now = clock.now()
    if arguments.decision == "list":
        say(open_faults_page(saying(now)))
        return
    counts = arguments.decision == "release"
    decide_fault(arguments.fault, count=counts, actor=actor(), reason=arguments.reason, now=now)
    say(
        f"What fault {arguments.fault} holds will be {'counted' if counts else 'dropped'} when the meter comes to it."
    )
