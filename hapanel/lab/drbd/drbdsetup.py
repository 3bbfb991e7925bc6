"""`drbdsetup`: status, events2 and show; what changes things goes by way of drbdadm here."""

from hapanel.lab.drbd.answers import Answer
from hapanel.lab.drbd.as_json import status_json
from hapanel.lab.drbd.config import show
from hapanel.lab.drbd.kernel import Kernel
from hapanel.lab.drbd.side import Side
from hapanel.lab.drbd.spec import Version
from hapanel.lab.drbd.status import NOTHING_V9, status_of

USAGE_84 = """
USAGE: drbdsetup command device arguments options

Device is usually /dev/drbdX or /dev/drbd/X.

Commands are:
    primary             secondary           attach              
    disk-options        detach              connect             
    net-options         disconnect          resize              
    resource-options    new-current-uuid    invalidate          
    invalidate-remote   pause-sync          resume-sync         
    suspend-io          resume-io           outdate             
    verify              down                state               
    role                sh-status           cstate              
    dstate              show-gi             get-gi              
    show                status              check-resize        
    events              events2             wait-connect        
    wait-sync           new-resource        new-minor           
    del-minor           del-resource        

To get more details about a command issue 'drbdsetup help cmd'.

"""  # noqa: W291 (the tool's own blanks)


class Drbdsetup:
    """drbdsetup on one node."""

    def __init__(self, kernel: Kernel, node: str) -> None:
        self._kernel, self._node = kernel, node

    def up(self) -> list[Side]:
        """The resources that are up here."""
        return [side for side in self._kernel.sides_on(self._node) if side.is_up]

    def run(self, words: list[str]) -> Answer:
        """The answer to `drbdsetup WORDS`, streams apart."""
        verb = words[0] if words else ""
        options = {word for word in words[1:] if word.startswith("-")}
        names = [word for word in words[1:] if not word.startswith("-")]
        v84 = self._kernel.version is Version.V84
        if verb in ("status", "show") and v84 and "--json" in options:
            return Answer(USAGE_84, f"{verb}: unrecognized option '--json'\n", 20)
        if verb == "status":
            return self._status(names, options)
        if verb == "show":
            return self._show(names)
        return Answer(USAGE_84 if v84 else "", "invalid command\n", 20)

    def _status(self, names: list[str], options: set[str]) -> Answer:
        now = self._kernel.now
        sides = [side for side in self.up() if not names or side.spec.name in names]
        if "--json" in options:
            text = status_json(sides, now)
        elif sides:
            text = status_of(sides, now, verbose="--verbose" in options)
        else:
            text = NOTHING_V9 if self._kernel.version is Version.V9 else ""
        if names and not sides:
            return Answer(text, f"{names[0]}: No such resource\n", 10)
        return Answer(text)

    def _show(self, names: list[str]) -> Answer:
        sides = [side for side in self.up() if not names or side.spec.name in names]
        if names and not sides:
            if self._kernel.version is Version.V9:
                return Answer(NOTHING_V9)
            return Answer("", "received netlink error reply: No such device\n", 20)
        return Answer("".join(show(side) for side in sides))
