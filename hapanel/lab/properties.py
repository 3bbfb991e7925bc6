"""Property strings: `key=value,key=value` in one parameter (pve-common JSONSchema.pm)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hapanel.lab.schema import MISSING, Param, fault_of


@dataclass(frozen=True)
class Format:
    """Keys of a property string. `bare` may come without its name; `aliases` maps other names to
    `(key, kept)`: the value goes to `key`, and the name itself to `kept` when that is set.
    """

    keys: tuple[Param, ...]
    bare: str | None = None
    aliases: Mapping[str, tuple[str, str | None]] | None = None

    def parse(self, text: str) -> dict[str, str]:
        """Values by key. Raises ValueError with PVE's words."""
        found: dict[str, str] = {}
        known = {param.name for param in self.keys}
        for part in text.split(","):
            if not part.strip():
                continue
            key, sign, value = part.partition("=")
            if not sign:
                self._take_bare(found, part)
                continue
            if not key or not value:
                raise ValueError("missing key in comma-separated list property\n")
            key = self._unaliased(found, key)
            if key in found:
                raise ValueError(f"duplicate key in comma-separated list property: {key}\n")
            if key not in known:
                raise ValueError(f"invalid key in comma-separated list property: {key}\n")
            found[key] = value
        return found

    def _take_bare(self, found: dict[str, str], part: str) -> None:
        if self.bare is None:
            raise ValueError("value without key, but schema does not define a default key\n")
        if self.bare in found:
            raise ValueError(f"duplicate key in comma-separated list property: {self.bare}\n")
        found[self.bare] = part

    def _unaliased(self, found: dict[str, str], key: str) -> str:
        target, kept = (self.aliases or {}).get(key, (key, None))
        if kept is not None:
            if kept in found:
                raise ValueError(f"key alias '{kept}' is already defined\n")
            found[kept] = key
        return target

    def checker(self) -> Callable[[str, str], str | None]:
        """For Param.check: PVE's words for what is wrong in a value, or None."""

        def check(name: str, text: str) -> str | None:
            try:
                values = self.parse(text)
            except ValueError as fault:
                return str(fault)
            faults = list(self._faults(name, values))
            return "format error\n" + "".join(faults) if faults else None

        return check

    def _faults(self, name: str, values: Mapping[str, str]) -> Sequence[str]:
        found: dict[str, str] = {}
        for param in self.keys:
            if param.name not in values:
                if not param.optional:
                    found[param.name] = MISSING
            elif param.requires is not None and param.requires not in values:
                found[param.requires] = f"missing property required by '{name}.{param.name}'"
            elif fault := fault_of(values[param.name], param):
                found[param.name] = fault.rstrip()
        return [f"{name}.{key}: {fault}\n" for key, fault in sorted(found.items())]

    def print(self, values: Mapping[str, str]) -> str:
        """The value as a configuration holds it: the bare key, mandatory keys, the rest sorted."""
        first = [self.bare] if self.bare in values else []
        must = sorted(p.name for p in self.keys if not p.optional and p.name in values)
        rest = sorted(set(values) - set(must) - set(first))
        parts = [str(values[key]) for key in first if key is not None]
        names = [key for key in (*must, *rest) if key != self.bare]
        return ",".join([*parts, *(f"{key}={values[key]}" for key in names)])
