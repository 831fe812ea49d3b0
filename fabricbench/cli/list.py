"""`fabricbench list [WHAT]`: what can be measured here, and why not."""

import argparse

WHAT = ("operations", "variants", "suites", "devices")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `list` takes."""
    parser.add_argument(
        "what",
        nargs="?",
        default="operations",
        metavar="WHAT",
        help=f"{', '.join(WHAT)} (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text: tables; json: one array (default: %(default)s)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Print one listing."""
    from fabricbench import api
    from fabricbench.errors import unknown

    if arguments.what not in WHAT:
        raise unknown("listing", arguments.what, WHAT)
    listing = api.listing(arguments.what)
    if arguments.format == "json":
        import msgspec

        print(msgspec.json.encode(listing).decode())
        return 0
    from fabricbench.show import listings, screen

    screen.draw(listings.page(arguments.what, listing))
    return 0
