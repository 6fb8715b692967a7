"""The `capstan` command: every verb, what it takes, and where it is done."""

import importlib
import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from capstan.config import logs, options
from capstan.config.errors import OperatorError
from capstan.config.options import Options
from capstan.values.refused import Refused

_ABOUT = "Metering, data caps, top-ups and billing for internet service providers."
_SETTINGS = "Settings are CAPSTAN_* environment variables or capstan.toml: see docs/operating/settings.md."


@dataclass(frozen=True)
class Verb:
    """A verb of the command line. `run` imports what it needs only when it is called, so that each starts fast."""

    name: str
    about: str
    run: Callable[[Options, Namespace], None]
    arguments: Callable[[ArgumentParser], None] = lambda _parser: None


def main(argv: list[str] | None = None) -> int:
    """Run one verb; the exit status is 0, or 1 with one clear message, or 2 for a wrong command line."""
    try:
        arguments = _parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
        verb: Verb = arguments.verb
        chosen = options.load()
        logs.configure(chosen, verb.name)
        verb.run(chosen, arguments)
    except (OperatorError, Refused) as problem:
        for line in str(problem).splitlines():
            print(f"capstan: {line}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `capstan status | head`: whoever read us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser(argv: list[str]) -> ArgumentParser:
    """The parser; only the verb that was given is asked for its arguments, since that may import a great deal."""
    parser = ArgumentParser(
        "capstan", description=_ABOUT, epilog=_SETTINGS, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"capstan {version('capstan')}")
    verbs = parser.add_subparsers(metavar="verb", required=True)
    for verb in VERBS:
        own = verbs.add_parser(verb.name, help=verb.about, description=verb.about)
        if verb.name in argv:
            verb.arguments(own)
        own.set_defaults(verb=verb)
    return parser


def _up(chosen: Options, arguments: Namespace) -> None:
    from capstan.config import supervisor

    supervisor.run(chosen, demo=arguments.demo)


def _up_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--demo", action="store_true", help="with made-up customers on simulated routers")


def _migrate(chosen: Options, _arguments: Namespace) -> None:
    _set_up_django()
    from capstan.config import migrate

    migrate.run(chosen)


def _check_settings(chosen: Options, _arguments: Namespace) -> None:
    for name, field in Options.model_fields.items():
        value = getattr(chosen, name)
        shown = "set" if "SecretStr" in str(field.annotation) and value else value
        print(
            f"{options.variable(name)} = {shown}"
            if shown is not None
            else f"{options.variable(name)} is not set"
        )
    _require_working(chosen)
    print("all is in order")


def _demo(chosen: Options, arguments: Namespace) -> None:
    if not arguments.words:
        _process("capstan.demo.process")(chosen, arguments)
        return
    from capstan.demo import control

    print(control.ask(chosen.data_dir, arguments.words))


def _demo_arguments(parser: ArgumentParser) -> None:
    from capstan.demo.control import USAGE

    parser.add_argument("words", nargs="*", metavar="deed", help=f"asks the demo that runs already: {USAGE}")


def _radius(chosen: Options, arguments: Namespace) -> None:
    _require_working(chosen)
    from capstan.network.listener import process

    process.run(logins_only=arguments.logins_only)


def _radius_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--logins-only", action="store_true", help="leave accounting to another process and share its logins"
    )


def _process(module: str) -> Callable[[Options, Namespace], None]:
    """A verb that is a long-running process: `run()` of `module`, once all is in order."""

    def run(chosen: Options, _arguments: Namespace) -> None:
        _require_working(chosen)
        importlib.import_module(module).run()

    return run


def _command(name: str, about: str) -> Verb:
    """A verb that does one thing and ends: `add_arguments(parser)` and `run(arguments)` of its operator module."""
    module = f"capstan.operator.verbs.{name}"

    def run(chosen: Options, arguments: Namespace) -> None:
        _require_working(chosen)
        importlib.import_module(module).run(arguments)

    def add_arguments(parser: ArgumentParser) -> None:
        _set_up_django()
        importlib.import_module(module).add_arguments(parser)

    return Verb(name, about, run, add_arguments)


def _require_working(chosen: Options) -> None:
    _set_up_django()
    from capstan.config import checks
    from capstan.values import clock

    checks.require(chosen, now=clock.now())


def _set_up_django() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capstan.config.settings")
    django.setup()


VERBS = (
    Verb("up", "run everything, with an embedded PostgreSQL unless DATABASE_URL is set", _up, _up_arguments),
    Verb("web", "run the web server", _process("capstan.config.web")),
    Verb("radius", "run the RADIUS listener", _radius, _radius_arguments),
    Verb("meter", "run the meter, which folds what routers reported", _process("capstan.caps.actions.meter")),
    Verb("worker", "run the worker, which does what is due", _process("capstan.worker.loop")),
    Verb("demo", "run the simulated routers, or look at them and break them", _demo, _demo_arguments),
    _command("status", "one screen: what is up, how far the meter is behind, what waits, what failed"),
    _command("explain", "what access a line has, why, and what it should have"),
    _command("packets", "a session's last accounting packets, every attribute by name"),
    _command("grant", "grant a bucket of data by hand"),
    _command("load", "enter routers, packages, offers, customers and services from a file"),
    _command("service", "put a line on hold, take it off hold, or end it"),
    _command("session", "close a session, or give an unknown user's to a service"),
    _command("fault", "list metering faults, count or drop what they hold apart"),
    _command("bill", "preview and issue bill runs, see how far they are, export the ledger"),
    _command("debit", "propose and make batches of debit orders, read in what came back"),
    _command("staff", "who may sign in to the console, and as what"),
    Verb("migrate", "bring keys, tables and the packet log's days up to date", _migrate),
    Verb("check-settings", "show the settings and say what is not in order", _check_settings),
)

if __name__ == "__main__":
    sys.exit(main())
