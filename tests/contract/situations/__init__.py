"""Every situation: each module here holds one `SITUATION`, and a new file is found by itself."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from tests.contract.stage import Situation

SITUATIONS: tuple[Situation, ...] = tuple(
    import_module(f"{__name__}.{module.name}").SITUATION
    for module in pkgutil.iter_modules(__path__)
)
