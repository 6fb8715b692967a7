"""`capstan staff …`: who may sign in to the console, and as what."""

from argparse import ArgumentParser, Namespace
from typing import Any

ROLES = ("agent", "accounts clerk", "manager")


def add_arguments(parser: ArgumentParser) -> None:
    deeds = parser.add_subparsers(dest="deed", metavar="deed", required=True)
    add = _deed(deeds, "add", "a new login")
    add.add_argument("--name", required=True, help="the person's name; it is recorded with what he does")
    add.add_argument("--email", default="", help="he can sign in with it as well")
    add.add_argument("--role", required=True, choices=ROLES)
    _password(add)
    deeds.add_parser("list", help="all logins", description="all logins")
    role = _deed(deeds, "role", "make somebody an agent, an accounts clerk or a manager")
    role.add_argument("role", choices=ROLES)
    _password(_deed(deeds, "password", "give a login another password; whoever uses it is signed out"))
    _deed(deeds, "off", "switch a login off: nobody signs in with it any more")
    _deed(deeds, "on", "switch a login on again")
    _deed(deeds, "reset-mfa", "forget a login's authenticator, as when the phone is lost")


def run(arguments: Namespace) -> None:
    from capstan.operator import staff
    from capstan.operator.circumstances import actor
    from capstan.operator.terminal import say
    from capstan.values import clock

    at = staff.At(actor(), clock.now())
    match arguments.deed:
        case "list":
            done = staff.listed(at)
        case "add":
            done = staff.add(at, staff.New(**_told(arguments)), generate=arguments.generate)
        case "role":
            done = staff.change_role(at, arguments.username, arguments.role)
        case "password":
            done = staff.change_password(at, arguments.username, generate=arguments.generate)
        case "reset-mfa":
            done = staff.reset_mfa(at, arguments.username)
        case switch:
            done = staff.switch(at, arguments.username, on=switch == "on")
    say(done)


def _told(arguments: Namespace) -> dict[str, str]:
    return {name: getattr(arguments, name) for name in ("username", "name", "email", "role")}


def _deed(deeds: Any, name: str, about: str) -> ArgumentParser:
    deed: ArgumentParser = deeds.add_parser(name, help=about, description=about)
    deed.add_argument("username", help="the login's username")
    return deed


def _password(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--generate",
        action="store_true",
        help="make a password and print it once, instead of asking for one (or reading a line of stdin)",
    )
