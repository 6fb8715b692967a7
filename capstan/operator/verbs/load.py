"""`capstan load FILE`: enter peers, routers, packages, offers, customers and services from a file."""

from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a provider file: see docs/operating/provider-file.md")
    parser.add_argument("--check", action="store_true", help="try everything, then take it back")


def run(arguments: Namespace) -> None:
    from django.conf import settings

    from capstan.operator.circumstances import actor, units, zone
    from capstan.operator.load.catalogue import Circumstances
    from capstan.operator.load.entries import read
    from capstan.operator.load.run import load, summary
    from capstan.operator.terminal import say
    from capstan.values import clock

    at = Circumstances(actor(), clock.now(), zone(), units(), settings.OPTIONS.currency)
    say(summary(load(read(arguments.file), at, keep=not arguments.check), kept=not arguments.check))
