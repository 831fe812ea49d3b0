"""`fabricbench show FILE...`: the tables of a result."""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `show` takes."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="result, .jsonl or .jsonl.gz")
    parser.add_argument(
        "--recompute",
        action="store_true",
        help="ignore stored summaries and compute all tables from samples (default: off)",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text: tables; json: the records, one a line, and nothing else (default: %(default)s)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Show every run of every file."""
    from fabricbench import api

    results = api.load(arguments.files)
    if arguments.format == "json":
        import msgspec

        for result in results:
            for record in result.records:
                print(msgspec.json.encode(record).decode())
        return 0
    from fabricbench.show import results as tables
    from fabricbench.show import screen

    for number, result in enumerate(results):
        print(end="\n" if number else "")
        screen.draw(tables.page(result, recompute=arguments.recompute))
    return 0
