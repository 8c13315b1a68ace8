"""`python -m relay.cli` is `naober`."""

import sys

from relay.cli import main

sys.exit(main())
