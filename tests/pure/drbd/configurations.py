"""Configurations that tests start from."""

from __future__ import annotations

from hapanel.drbd.configuration.findings import Finding
from hapanel.drbd.configuration.lint import lint
from hapanel.drbd.configuration.options import Syntax
from hapanel.drbd.configuration.reader import Source, read
from hapanel.drbd.configuration.subject import Surroundings

FILE = "rs.res"

RECORDED = """\
resource rs {
  protocol C;
  startup {
    wfc-timeout 0;
    degr-wfc-timeout 60;
    become-primary-on both;
  }
  net {
    cram-hmac-alg sha1;
    shared-secret "my-secret";
    allow-two-primaries;
    after-sb-0pri discard-zero-changes;
    after-sb-1pri discard-secondary;
    after-sb-2pri disconnect;
    verify-alg crc32c;
  }
  disk {
    resync-rate 4M;
    c-plan-ahead 0;
  }
  on master {
    device /dev/drbd0;
    disk /dev/vda;
    address 10.0.7.1:7788;
    meta-disk internal;
  }
  on slave {
    device /dev/drbd0;
    disk /dev/vda;
    address 10.0.7.2:7788;
    meta-disk internal;
  }
}
"""
"""The configuration behind the recordings, as its dumps and the lines of its errors tell it."""

GOOD = """\
# The replicated disk of the university's guests.
resource rs {
  protocol C;
  startup {
    wfc-timeout 120;
    degr-wfc-timeout 60;
  }
  net {
    cram-hmac-alg sha256;
    shared-secret "k7Qm-v2Xp.9sRt/4bWz";
    after-sb-0pri discard-zero-changes;
    after-sb-1pri consensus;
    after-sb-2pri disconnect;
    verify-alg crc32c;
    ping-timeout 10;
  }
  disk {
    on-io-error detach;
    c-max-rate 60M;
    c-plan-ahead 20;
  }
  on master {
    device /dev/drbd0;
    disk /dev/vg0/rs;
    address 10.1.1.1:7788;
    meta-disk internal;
  }
  on slave {
    device /dev/drbd0;
    disk /dev/vg0/rs;
    address 10.1.1.2:7788;
    meta-disk internal;
  }
}
"""
"""Two nodes, one primary: nothing to say about it."""

THREE = """\
resource data {
  options {
    quorum majority;
    on-no-quorum suspend-io;
  }
  net {
    protocol C;
    cram-hmac-alg sha256;
    shared-secret "k7Qm-v2Xp.9sRt/4bWz";
    verify-alg crc32c;
  }
  disk {
    c-max-rate 60M;
  }
  volume 0 {
    device minor 10;
    disk /dev/vg0/data;
    meta-disk internal;
  }
  on alpha {
    node-id 0;
    address ipv4 10.1.1.1:7790;
  }
  on beta {
    node-id 1;
    address ipv4 10.1.1.2:7790;
  }
  on gamma {
    node-id 2;
    address ipv6 [fd00:1::3]:7790;
    volume 0 {
      disk /dev/vg1/data;
    }
  }
  connection-mesh {
    hosts alpha beta gamma;
  }
}
"""
"""DRBD 9 with three nodes, one volume for all and one exception: nothing to say about it."""


def findings(
    text: str, syntax: Syntax | None = None, around: Surroundings | None = None
) -> tuple[Finding, ...]:
    """The findings of one text."""
    return lint(read(Source(FILE, text)), syntax, around)


def told(text: str, syntax: Syntax | None = None, around: Surroundings | None = None) -> list[str]:
    """Each finding as `line severity code`."""
    return [
        f"{each.place.line} {each.severity} {each.code}" for each in findings(text, syntax, around)
    ]


def changed(text: str, old: str, new: str, line: int | None = None) -> str:
    """The text with `old` replaced in one line, or where it occurs once."""
    lines = text.split("\n")
    at = [n for n, each in enumerate(lines, 1) if old in each and line in (None, n)]
    assert len(at) == 1, f"{old!r} is in lines {at}"
    lines[at[0] - 1] = lines[at[0] - 1].replace(old, new)
    return "\n".join(lines)
