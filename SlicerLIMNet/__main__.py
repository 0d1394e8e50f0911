"""`python -m SlicerLIMNet` is the command `limnet`."""

import sys

from SlicerLIMNet.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
