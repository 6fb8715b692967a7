"""`capstan service …`: a line's status, package, device and consent."""

from argparse import ArgumentParser, Namespace
from typing import Any


def add_arguments(parser: ArgumentParser) -> None:
    deeds = parser.add_subparsers(dest="deed", metavar="deed", required=True)
    for name, about in (
        ("suspend", "put a line on hold: it goes to the walled garden"),
        ("resume", "take a line off hold"),
        ("end", "end a line for good: it is cut, its addresses are free"),
    ):
        deed = _deed(deeds, name, about)
        deed.add_argument("--reason", required=True, help="why; it is audited")
    package = _deed(deeds, "package", "give a line another package, or take back a planned change")
    what = package.add_mutually_exclusive_group(required=True)
    what.add_argument("--to", metavar="CODE", help="the package's code")
    what.add_argument("--cancel", action="store_true", help="what is planned does not happen")
    package.add_argument(
        "--from", dest="since", metavar="WHEN", help="a day such as 2026-12-01, or a time; default: now"
    )
    device = _deed(deeds, "device", "which device may use a line")
    which = device.add_mutually_exclusive_group(required=True)
    which.add_argument("--set", metavar="MAC", help="only this one")
    which.add_argument("--learn", action="store_true", help="forget it: the next one that logs in is learnt")
    which.add_argument("--any", action="store_true", help="forget it: any may use the line")
    consent = _deed(deeds, "consent", "agreement to be charged beyond the cap")
    given = consent.add_mutually_exclusive_group(required=True)
    given.add_argument("--by", metavar="NAME", help="who gave it")
    given.add_argument(
        "--withdraw", action="store_true", help="from now on nothing beyond the cap is charged"
    )
    consent.add_argument("--channel", default="", help="how it was given: phone, letter, …")


def run(arguments: Namespace) -> None:
    from capstan.operator import line
    from capstan.operator.circumstances import actor, saying
    from capstan.operator.find import service_named
    from capstan.operator.terminal import say
    from capstan.values import clock

    at = line.At(service_named(arguments.username), actor(), saying(clock.now()))
    match arguments.deed:
        case "package" if arguments.cancel:
            done = line.keep_package(at)
        case "package":
            done = line.change_package(at, arguments.to, arguments.since)
        case "device" if arguments.set:
            done = line.set_device(at, arguments.set)
        case "device":
            done = line.forget_device(at, learn=arguments.learn)
        case "consent" if arguments.withdraw:
            done = line.withdraw_consent(at)
        case "consent":
            done = line.record_consent(at, arguments.by, arguments.channel)
        case status:
            done = line.set_status(at, status, arguments.reason)
    say(done)


def _deed(deeds: Any, name: str, about: str) -> ArgumentParser:
    deed: ArgumentParser = deeds.add_parser(name, help=about, description=about)
    deed.add_argument("username", help="the line's username")
    return deed
