"""`python -m SlicerLIMNet` is `limnet`."""

import sys

from SlicerLIMNet.cli.main import main

sys.exit(main())
