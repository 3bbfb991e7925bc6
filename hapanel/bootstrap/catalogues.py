"""`python -m hapanel.bootstrap.catalogues FILE.po ...`: write the .mo beside each .po.

Runs inside .venv, where polib is: the machine needs no gettext tools to run the panel.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polib


def compile_catalogue(source: Path) -> Path:
    """Compile one catalogue and return the path of the result, replaced in one step."""
    target = source.with_suffix(".mo")
    draft = target.with_suffix(".mo.part")
    polib.pofile(str(source)).save_as_mofile(str(draft))
    draft.replace(target)
    return target


if __name__ == "__main__":
    for name in sys.argv[1:]:
        compile_catalogue(Path(name))
