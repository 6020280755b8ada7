"""`python -m regional_node.cli`: the same as the command."""

import sys

from regional_node.cli import main

sys.exit(main())
