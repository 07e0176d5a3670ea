"""`python -P -m tellapart`: the command, where its folder of programs is not on the path.

Without -P, Python looks for modules in the current folder first, and a `json.py` among someone's pictures would be run.
Here that folder is taken out before anything else is imported; what Python itself imports before that only -P protects.
"""

import os
import sys

if sys.path[0] in ("", os.getcwd()):  # noqa: PTH109  pathlib is one of the modules that may lie there
    del sys.path[0]

from tellapart.cli.main import main

if __name__ == "__main__":
    main()
