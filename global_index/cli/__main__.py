"""`python -m global_index.cli`: the same as the command."""

import sys

from global_index.cli import main

sys.exit(main())
