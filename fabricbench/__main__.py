"""`python -m fabricbench`."""

import sys

from fabricbench.cli import main

if __name__ == "__main__":
    sys.exit(main())
