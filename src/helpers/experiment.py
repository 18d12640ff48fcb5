"""The old name of the command line, which is ``python -m helpers.lab`` now."""

import sys

if __name__ == "__main__":
    from helpers.lab.__main__ import PROGRAM, main

    print(f"python -m helpers.experiment is called {PROGRAM} now", file=sys.stderr)
    sys.exit(main())
