"""`python -m hapanel.lab`; with `ctl` as its first word it only talks to a lab that runs."""

import sys

if sys.argv[1:2] == ["ctl"]:
    from hapanel.lab import ctl

    sys.exit(ctl.main(sys.argv[2:]))

from hapanel.lab import cli

sys.exit(cli.main())
