"""`python -m hapanel.lab`."""

import sys

from hapanel.lab.cli import main

sys.exit(main())
