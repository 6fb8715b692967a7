"""`capstan debit …`: batches of debit orders – propose, make, submitted, drop – and files of results."""

from argparse import ArgumentParser, Namespace
from datetime import date
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    deeds = parser.add_subparsers(dest="deed", metavar="deed", required=True)

    def deed(name: str, about: str, *, of_batch: bool = False) -> ArgumentParser:
        own = deeds.add_parser(name, help=about, description=about)
        if of_batch:
            own.add_argument("batch", type=int, help="the batch's number")
        return own

    deed("list", "the latest batches")
    propose = deed("propose", "who would be debited on a day, and who not")
    propose.add_argument("day", type=date.fromisoformat, help="the action date, as 2026-12-01")
    propose.add_argument("--brand", default="", help="the brand's name, if there are several")
    deed("show", "a batch, and who is left out of it", of_batch=True)
    make = deed("make", "approve a proposal and write its file", of_batch=True)
    make.add_argument("--to", type=Path, required=True, help="where to write the file for Netcash")
    file = deed("file", "write the file of a made batch once more", of_batch=True)
    file.add_argument("--to", type=Path, required=True, help="where to write the file for Netcash")
    deed("submitted", "Netcash has the file", of_batch=True)
    drop = deed("drop", "nothing of a batch is debited", of_batch=True)
    drop.add_argument("--reason", default="", help="why; needed once the file is made")
    results = deed("results", "read in Netcash's statement: what was paid, what came back")
    results.add_argument("file", type=Path, help="Netcash's statement, with tabs between fields")


def run(arguments: Namespace) -> None:
    from capstan.operator import debit
    from capstan.operator.circumstances import actor
    from capstan.operator.terminal import say
    from capstan.values import clock

    who, now = actor(), clock.now()
    match arguments.deed:
        case "list":
            say(debit.listed())
        case "propose":
            say(debit.propose(arguments.day, arguments.brand, actor=who, now=now))
        case "show":
            say(debit.shown(arguments.batch))
        case "make":
            say(debit.make(arguments.batch, arguments.to, actor=who, now=now))
        case "file":
            say(debit.write(arguments.batch, arguments.to, actor=who, now=now))
        case "submitted":
            say(debit.submitted(arguments.batch, actor=who, now=now))
        case "drop":
            say(debit.drop(arguments.batch, arguments.reason, actor=who, now=now))
        case "results":
            say(debit.results(arguments.file, actor=who, now=now))
