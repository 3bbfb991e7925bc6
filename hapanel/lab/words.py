"""Reading the words of a control action: numbers, switches, options."""


class Refused(Exception):
    """An action that cannot be done; the text says why."""


def first(words: list[str], name: str) -> str:
    """The first word. Raises Refused when there is none."""
    if not words:
        raise Refused(f"needs {name}")
    return words[0]


def number(word: str, name: str, *, least: float = 0) -> float:
    """The number that a word is, from `least` on. Raises Refused."""
    try:
        found = float(word)
    except ValueError:
        found = float("nan")
    if not least <= found < 1e9:  # nan is none of these
        raise Refused(f"{name} must be a number from {least:g} on, not {word!r}")
    return found


def on_off(args: list[str], position: int) -> bool:
    """Whether the word at that place is `on`. Raises Refused when it is not `off` either."""
    word = args[position] if len(args) > position else ""
    if word not in ("on", "off"):
        raise Refused("needs on or off")
    return word == "on"


def without_option(args: list[str], name: str) -> tuple[list[str], str | None]:
    """The words without `--name VALUE`, and the value. Raises Refused when it has none."""
    if name not in args:
        return args, None
    at = args.index(name)
    if at + 1 >= len(args):
        raise Refused(f"{name} needs a value")
    return args[:at] + args[at + 2 :], args[at + 1]
