"""`capstan bill …`: the bill runs – preview, progress, issue – and the ledger as a file."""

from argparse import ArgumentParser, Namespace
from datetime import date
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    deeds = parser.add_subparsers(dest="deed", metavar="deed", required=True)
    deeds.add_parser("list", help="the latest runs", description="the latest runs")
    preview = deeds.add_parser("preview", help="preview a billing day", description="preview a billing day")
    preview.add_argument("day", type=date.fromisoformat, help="as 2026-12-01")
    preview.add_argument("--brand", default="", help="the brand's name, if there are several")
    show = deeds.add_parser(
        "show", help="how far a run is", description="how far a run is, and what it comes to"
    )
    show.add_argument("run", type=int, help="the run's number")
    show.add_argument("--watch", action="store_true", help="until it is through")
    issue = deeds.add_parser("issue", help="issue a previewed run", description="issue a previewed run")
    issue.add_argument("run", type=int, help="the run's number")
    issue.add_argument("--watch", action="store_true", help="until it is through")
    rated = deeds.add_parser(
        "import", help="charges priced elsewhere", description="charges that were priced elsewhere"
    )
    rated.add_argument("file", type=Path, help="CSV with the columns line, date, text, amount, reference")
    export = deeds.add_parser("export", help="the ledger as CSV", description="the ledger's entries as CSV")
    export.add_argument("first", type=date.fromisoformat, help="the first day")
    export.add_argument("last", type=date.fromisoformat, help="the last day")


def run(arguments: Namespace) -> None:
    from capstan.operator import bill
    from capstan.operator.circumstances import actor
    from capstan.operator.terminal import say
    from capstan.values import clock

    match arguments.deed:
        case "list":
            say(bill.listed())
        case "preview":
            say(bill.preview(arguments.day, arguments.brand, actor=actor(), now=clock.now()))
        case "issue":
            say(bill.issue(arguments.run, actor=actor(), now=clock.now()))
        case "import":
            say(bill.imported(arguments.file, actor=actor(), now=clock.now()))
        case "export":
            for line in bill.exported(arguments.first, arguments.last):
                print(line, end="")
    if arguments.deed in ("show", "issue"):
        for text in bill.shown(arguments.run, watch=getattr(arguments, "watch", False)):
            say(text)
