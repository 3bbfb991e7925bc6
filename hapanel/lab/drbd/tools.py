"""The tools of a node, by name: what a program in the node's tools folder asks the lab for."""

from collections.abc import Callable

from hapanel.lab.drbd.answers import Answer
from hapanel.lab.drbd.config import files
from hapanel.lab.drbd.drbdadm import Drbdadm
from hapanel.lab.drbd.drbdsetup import Drbdsetup
from hapanel.lab.drbd.events import Stream
from hapanel.lab.drbd.kernel import Kernel
from hapanel.lab.drbd.proc import proc_drbd

Run = Callable[[list[str]], Answer]
FOLLOWS = ("drbdsetup", "events2")


class NodeTools:
    """drbdadm, drbdsetup and the files about DRBD on one node; `others` brings further tools."""

    def __init__(
        self,
        kernel: Kernel,
        node: str,
        addresses: dict[str, str],
        wall: Callable[[], float],
        others: dict[str, Run] | None = None,
    ) -> None:
        self.kernel, self.node, self._wall = kernel, node, wall
        self._setup = Drbdsetup(kernel, node)
        specs = [side.spec for side in kernel.sides_on(node)]
        self.files = files(specs, kernel.version, addresses)
        self._tools: dict[str, Run] = {
            "drbdadm": Drbdadm(kernel, node).run,
            "drbdsetup": self._run_setup,
            "cat": self._cat,
            "ls": self._ls,
            **(others or {}),
        }

    @property
    def names(self) -> list[str]:
        """Every tool there is."""
        return list(self._tools)

    def run(self, tool: str, words: list[str]) -> Answer:
        """Runs a tool to its end."""
        return self._tools[tool](words)

    def is_followed(self, tool: str, words: list[str]) -> bool:
        """True for a stream that has no end."""
        return (tool, *words[:1]) == FOLLOWS and "--now" not in words

    def stream(self, words: list[str], emit: Callable[[str], None]) -> Stream:
        """A stream of `drbdsetup events2 ...`; the caller begins and feeds it."""
        return Stream(
            self._setup.up,
            lambda: self.kernel.now,
            self._wall,
            emit,
            timestamps="--timestamps" in words,
            statistics="--statistics" in words,
        )

    def _run_setup(self, words: list[str]) -> Answer:
        if words[:1] != ["events2"]:
            return self._setup.run(words)
        lines: list[str] = []
        self.stream(words, lines.append).begin()
        return Answer("".join(lines))

    def _cat(self, paths: list[str]) -> Answer:
        text = ""
        for path in paths:
            if path == "/proc/drbd":
                text += proc_drbd(self._setup.up(), self.kernel.version, self.kernel.now)
            elif path in self.files:
                text += self.files[path]
            else:
                return Answer(text, f"cat: {path}: No such file or directory\n", 1)
        return Answer(text)

    def _ls(self, folders: list[str]) -> Answer:
        inside = folders[0].rstrip("/") + "/"
        names = sorted(path.removeprefix(inside) for path in self.files if path.startswith(inside))
        return Answer("".join(f"{name}\n" for name in names))
