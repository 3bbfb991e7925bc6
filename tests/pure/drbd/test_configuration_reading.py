"""Reading: positions, includes, secrets, and no text that makes it fall over."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from hapanel.drbd.configuration.lint import lint
from hapanel.drbd.configuration.reader import Source, read
from hapanel.drbd.configuration.tokens import Kind, tokens
from hapanel.drbd.configuration.tree import Statement, rendered
from hapanel.drbd.configuration.understanding import understood
from tests.pure.drbd.configurations import FILE, GOOD, THREE, findings, told

WORDS = [
    *("resource", "rs", "on", "master", "net", "disk", "volume", "0", "{", "}", ";", "\n"),
    *("protocol", "C", "address", "ipv6", "[", "fd00::1", "]", ":", "7788", "10.0.0.1", "device"),
    *(
        "minor",
        "meta-disk",
        "internal",
        "/dev/vg/lv[1]",
        '"a b"',
        '"',
        "#",
        "include",
        "no-tcp-cork",
    ),
    *(
        "connection",
        "host",
        "via",
        "proxy",
        "syncer",
        "rate",
        "4M",
        "common",
        "skip",
        "shared-secret",
    ),
    *("startup", "become-primary-on", "both", "floating", "stacked-on-top-of", "é", "\\", "\t"),
]
MIXED = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)
CUT = st.tuples(
    st.sampled_from([GOOD, THREE]),
    st.integers(0, len(GOOD)),
    st.integers(0, 30),
    st.sampled_from(["", *WORDS]),
).map(lambda cut: cut[0][: cut[1]] + cut[3] + cut[0][cut[1] + cut[2] :])


@settings(max_examples=200, deadline=None)
@given(st.one_of(MIXED, CUT, st.text(max_size=200)))
def test_no_text_makes_it_fall_over_and_every_place_is_in_the_text(text: str) -> None:
    lines = text.split("\n")
    for finding in findings(text):
        assert 1 <= finding.place.line <= len(lines)
        assert 1 <= finding.place.column <= len(lines[finding.place.line - 1]) + 1
        assert str(finding)


@settings(max_examples=100, deadline=None)
@given(st.one_of(MIXED, st.text(max_size=200)))
def test_every_token_stands_where_it_says(text: str) -> None:
    lines = text.split("\n")
    for token in tokens(text, FILE):
        rest = lines[token.place.line - 1][token.place.column - 1 :]
        if token.kind in (Kind.WORD, Kind.MARK, Kind.STRANGE):
            assert rest.startswith(token.text)
        elif token.kind in (Kind.QUOTED, Kind.OPEN):
            assert rest.startswith('"')


def _values(statements: Sequence[Statement]) -> list[object]:
    return [
        (each.name, [token.shown for token in each.arguments], _values(each.inside()))
        for each in statements
    ]


@settings(max_examples=150, deadline=None)
@given(st.one_of(MIXED, CUT))
def test_what_was_read_is_written_back_with_the_same_values(text: str) -> None:
    first = read(Source(FILE, text)).statements
    again = read(Source(FILE, rendered(first))).statements
    assert _values(again) == _values(first)


@settings(max_examples=80, deadline=None)
@given(
    st.text(alphabet="abcXYZ019", min_size=12, max_size=20),
    st.sampled_from(["shared-secret", "shared-secrt", "no-shared-secret", "shared_secret"]),
    st.sampled_from(['{} "{}";', "{} {};", '{} "{}"', "{} {} more;", '{} "{};', '{}\n "{}";']),
    st.sampled_from(["net", "disk", "nett", "handlers"]),
)
def test_a_secret_is_never_shown(secret: str, option: str, form: str, section: str) -> None:
    written = form.format(option, secret)
    text = f"resource rs {{\n  {section} {{\n    {written}\n    ping-int 10;\n  }}\n}}\n"
    document = read(Source(FILE, text))
    found = lint(document)
    shown = [
        *map(str, found),
        *map(repr, found),
        json.dumps([each.as_record() for each in found]),
        repr(document),
        repr(understood(document)),
        rendered(document.statements),
    ]
    assert not any(secret in each for each in shown)


def test_comments_quotes_and_escapes_are_read_as_drbdadm_reads_them() -> None:
    text = 'resource rs { # a "comment" }\n  handlers { split-brain "/bin/x \\"a b\\" # no"; }\n}'
    (resource,) = read(Source(FILE, text)).statements
    assert not read(Source(FILE, text)).findings
    value = resource.inside()[0].inside()[0].value
    assert value is not None
    assert value.text == '/bin/x "a b" # no'


FILES = {
    "drbd.conf": 'include "drbd.d/global_common.conf";\ninclude "drbd.d/*.res";\n',
    "drbd.d/global_common.conf": "global { usage-count no; }\ncommon { net { protocol C; } }\n",
    "drbd.d/rs.res": GOOD.replace("  protocol C;\n", "").replace("sha256", "sha257"),
}


def load(pattern: str, _including: str) -> list[Source]:
    """The made-up files, by exact name or all that end in .res."""
    chosen = [n for n in FILES if n == pattern or ("*" in pattern and n.endswith(".res"))]
    return [Source(name, FILES[name]) for name in chosen]


def test_includes_are_read_where_they_stand_and_findings_name_their_file() -> None:
    document = read(Source("drbd.conf", FILES["drbd.conf"]), load)
    assert document.files == ("drbd.conf", "drbd.d/global_common.conf", "drbd.d/rs.res")
    found = [str(each).split(" ")[0:3] for each in lint(document)]
    assert found == [["drbd.d/rs.res:8:", "error", "unknown-algorithm:"]]


def test_a_file_is_read_once_and_a_missing_one_is_an_error() -> None:
    circle = 'include "drbd.conf";\ninclude "nope.res";\ninclude "none/*.res";\n'

    def only_itself(pattern: str, _including: str) -> list[Source]:
        return [Source("drbd.conf", circle)] if pattern == "drbd.conf" else []

    document = read(Source("drbd.conf", circle), only_itself)
    assert [str(each.place) for each in document.findings] == ["drbd.conf:2"]
    unreadable = read(Source(FILE, 'include "x.res";'), lambda _p, _i: [Source("x.res", None)])
    assert [each.code for each in unreadable.findings] == ["include-missing"]


NINE = """\
resource r9 {
  net { cram-hmac-alg sha256; shared-secret "k7Qm-v2Xp.9sRt/4bWz"; verify-alg crc32c; }
  disk { c-max-rate 60M; }
  on alpha { node-id 0; volume 0 { device minor 1; disk /dev/vg/a; meta-disk internal; } }
  on beta { node-id 1; volume 0 { device minor 1; disk /dev/vg/a; meta-disk internal; } }
  connection {
    net { ping-timeout 10; }
    path { host alpha address 10.1.1.1:7788; host beta address 10.1.1.2:7788; }
    path { host alpha address ipv6 [fd00::1]:7788; host beta address ipv6 [fd00::2]:7788; }
    volume 0 { disk { c-max-rate 20M; } }
  }
}
"""
STACKED = """\
resource far {
  net { cram-hmac-alg sha256; shared-secret "k7Qm-v2Xp.9sRt/4bWz"; verify-alg crc32c; }
  disk { c-max-rate 60M; }
  stacked-on-top-of rs { device /dev/drbd10; address 10.1.1.9:7790; }
  on third { device /dev/drbd10; disk /dev/vg/f; address 10.1.1.8:7790; meta-disk internal; }
}
"""
FLOATING = """\
resource fl {
  net { cram-hmac-alg sha256; shared-secret "k7Qm-v2Xp.9sRt/4bWz"; verify-alg crc32c; }
  disk { c-max-rate 60M; }
  device /dev/drbd5; disk /dev/vg/f; meta-disk internal;
  floating 10.1.1.1:7795;
  floating 10.1.1.2:7795 { disk /dev/vg/other; }
}
"""


def test_paths_stacks_and_floating_hosts_are_understood() -> None:
    assert told(NINE) == []
    assert told(NINE.replace("fd00::2", "fd00::1")) == ["9 error same-address"]
    assert told(STACKED) == []
    assert told(FLOATING) == []
    assert told(FLOATING.replace("10.1.1.2", "10.1.1.1")) == ["6 error same-address"]


RARE = """\
global { disable-ip-verification; udev-always-use-vnr; }
require-drbd-module-version-ge 9.1.0;
skip resource "gone" { no one reads this; }
resource r7 {
  proxy { memlimit 64M; plugin { lz4; } }
  volume 0 { device /dev/drbd_r7 minor 7; disk /dev/vg/r7; }
  on alpha.example.org { node-id 0; }
  on beta { node-id 1; volume 0 { disk none; tiebreaker no; } }
  connection "far away" {
    host alpha address 127.0.0.1:7700 via proxy on gate { inside 10.0.0.1:1; outside 10.0.0.2:2; }
    host beta address 127.0.0.1:7700 via outside-address 192.0.2.7:7700;
    net { cram-hmac-alg sha256; shared-secret "k7Qm-v2Xp.9sRt/4bWz"; verify-alg crc32c; }
    volume 0 { disk { c-max-rate 20M; } }
  }
  skip { disk /dev/old; }
}
"""


def test_rare_words_of_9_are_known_and_what_a_connection_sets_counts() -> None:
    assert told(RARE) == []
    assert told(RARE.replace("20M", "20MB")) == ["13 error bad-number"]


def test_loopback_addresses_of_two_hosts_are_two() -> None:
    text = GOOD.replace("10.1.1.1:", "127.0.0.1:").replace("10.1.1.2:", "127.0.0.2:")
    other = text.replace("resource rs", "resource r2").replace("on slave", "on third")
    other = other.replace("on master", "on fourth").replace("drbd0", "drbd1")
    assert told(text + other) == []
