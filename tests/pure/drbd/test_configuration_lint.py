"""The lint: a good file is left alone, and each fault is named at its line."""

from __future__ import annotations

import pytest

from hapanel.drbd.configuration.findings import RULES
from hapanel.drbd.configuration.options import Syntax
from hapanel.drbd.configuration.subject import GuestOn, Surroundings
from tests.machine import FACTS
from tests.pure.drbd.configurations import GOOD, RECORDED, THREE, changed, findings, told

PAPER = FACTS.parent / "paper" / "rs.res.as-printed"
TWO_PRIMARIES = changed(GOOD, "ping-timeout 10", "allow-two-primaries yes")
END = "    meta-disk internal;\n  }\n}\n"

# what is wrong -> the text to look for, what stands there instead, the finding at that line
MUTATIONS: dict[str, tuple[str, str, str]] = {
    "a misspelled option": ("degr-wfc-timeout", "degg-wfc-timeout", "error unknown-keyword"),
    "a misspelled section": ("  disk {", "  disc {", "error unknown-keyword"),
    "a misspelled host word": ("address 10.1.1.2", "adress 10.1.1.2", "error unknown-keyword"),
    "a word of nobody": ("protocol C", "zzyzx C", "error unknown-word"),
    "an option elsewhere": ("on-io-error detach", "ping-int 10", "error misplaced-keyword"),
    "an unknown protocol": ("protocol C", "protocol D", "error bad-protocol"),
    "an unknown policy": ("discard-zero-changes", "discard-zero", "error bad-after-sb"),
    "another option's policy": ("2pri disconnect", "2pri consensus", "error bad-after-sb"),
    "a value that is no choice": ("error detach", "error panic", "error bad-value"),
    "a number with a strange unit": ("60M", "60MB", "error bad-number"),
    "a number out of range": ("ahead 20", "ahead 301", "error out-of-range"),
    "a missing value": ("ping-timeout 10", "ping-timeout", "error missing-value"),
    "no such algorithm": ("crc32c", "crc33c", "error unknown-algorithm"),
    "a host name for an address": ("10.1.1.1:", "master:", "error bad-address"),
    "an address without port": ("10.1.1.1:7788", "10.1.1.1", "error bad-address"),
    "an octet above 255": ("10.1.1.2:", "10.1.1.256:", "error bad-address"),
    "a port above 65535": ("10.1.1.2:7788", "10.1.1.2:77880", "error bad-port"),
    "one address for both": ("10.1.1.2:", "10.1.1.1:", "error same-address"),
    "one host twice": ("on slave", "on master", "error duplicate-section"),
    "a string without its end": ('4bWz";', "4bWz;", "error syntax"),
    "a value too many": ("sha256;", "sha256 sha1;", "error too-many-values"),
    "a stray semicolon": ("ping-timeout 10;", "ping-timeout 10;;", "error syntax"),
    "an unquoted strange character": ("detach", "det@ch", "error syntax"),
    "a section without its brace": ("  startup {", "  startup", "error syntax"),
    "a lost semicolon": ("protocol C;", "protocol C", "error missing-semicolon"),
    "a lost semicolon before a brace": ("ahead 20;", "ahead 20", "error missing-semicolon"),
    "a weak secret": ("k7Qm-v2Xp.9sRt/4bWz", "drbdsecret", "warning secret-weak"),
    "waiting without end": (" wfc-timeout 120", " wfc-timeout 0", "warning wfc-timeout-zero"),
    "an option twice": ("ping-timeout 10", "verify-alg md5", "warning duplicate-option"),
    "Primary on both": (
        "degr-wfc-timeout 60",
        "become-primary-on both",
        "error primary-on-both-refused",
    ),
    "Primary on nobody": (
        "degr-wfc-timeout 60",
        "become-primary-on nobody",
        "error primary-on-unknown",
    ),
    "a secret without algorithm": ("cram-hmac-alg sha256", "ko-count 7", "warning secret-unused"),
    "an old keyword": ("c-max-rate", "rate", "warning old-keyword"),
}
# Faults whose line is the next one: where drbdadm stumbles.
ONE_LATER = {"a section without its brace", "a lost semicolon", "a lost semicolon before a brace"}
ONE_BEHIND = {"a secret without algorithm": 1}


def line_of(old: str) -> int:
    return next(n for n, line in enumerate(GOOD.split("\n"), 1) if old in line)


@pytest.mark.parametrize("what", MUTATIONS)
def test_each_fault_is_found_at_its_line(what: str) -> None:
    old, new, finding = MUTATIONS[what]
    later = (what in ONE_LATER) + ONE_BEHIND.get(what, 0)
    assert f"{line_of(old) + later} {finding}" in told(changed(GOOD, old, new)), what


@pytest.mark.parametrize("what", MUTATIONS)
def test_one_fault_makes_at_most_two_errors(what: str) -> None:
    old, new, _ = MUTATIONS[what]
    assert sum(" error " in each for each in told(changed(GOOD, old, new))) <= 2


@pytest.mark.parametrize("text", [GOOD, THREE, changed(GOOD, "protocol C", "protocol c")])
def test_there_is_nothing_to_say_about_a_good_file(text: str) -> None:
    assert told(text) == []


def test_all_faults_are_named_in_one_run() -> None:
    text = GOOD
    chosen = ["a misspelled option", "an unknown protocol", "an octet above 255", "a missing value"]
    for what in chosen:
        old, new, _ = MUTATIONS[what]
        text = changed(text, old, new)
    wanted = {f"{line_of(MUTATIONS[what][0])} {MUTATIONS[what][2]}" for what in chosen}
    assert wanted <= set(told(text))


@pytest.mark.skipif(not PAPER.is_file(), reason="the paper's listing is not here")
def test_the_papers_file_as_printed_has_its_five_errors() -> None:
    found = told(PAPER.read_text())
    assert [each for each in found if " error " in each] == [
        "2 error bad-protocol",
        "5 error unknown-keyword",
        "9 error unknown-keyword",
        "12 error bad-after-sb",
        "25 error same-address",
    ]
    assert {each.split(" warning ")[1] for each in found if " warning " in each} == {
        "rate-limit-missing",
        "verify-alg-missing",
        "wfc-timeout-zero",
        "primary-on-both",
        "secret-weak",
        "two-primaries-unfenced",
        "two-primaries-discard",
        "unstable-disk-name",
    }
    nearest = [each.remedy() for each in findings(PAPER.read_text()) if "unknown" in each.code]
    assert [text.split()[1].rstrip(",") for text in nearest] == [
        "degr-wfc-timeout",
        "cram-hmac-alg",
    ]


def test_a_forgotten_brace_is_one_error_where_the_next_section_begins() -> None:
    lines = GOOD.split("\n")
    for closing in (7, 16, 21, 27):
        text = "\n".join([*lines[: closing - 1], *lines[closing:]])
        assert told(text) == [f"{closing} error missing-brace"]


def test_only_the_very_last_brace_may_be_forgotten() -> None:
    assert told(GOOD.removesuffix("}\n")) == ["34 warning missing-last-brace"]
    assert told(GOOD.removesuffix("  }\n}\n")) == ["33 error missing-brace"]


def test_two_primaries_are_judged_by_protocol_fencing_and_policies() -> None:
    assert told(TWO_PRIMARIES) == ["15 warning two-primaries-unfenced"]
    fenced = changed(TWO_PRIMARIES, "on-io-error detach", "fencing resource-and-stonith")
    assert told(fenced) == []
    assert told(changed(fenced, "protocol C", "protocol A")) == ["3 error two-primaries-protocol"]
    discards = changed(fenced, "1pri consensus", "1pri discard-secondary")
    assert told(discards) == ["12 warning two-primaries-discard"]


def test_words_of_the_other_generation_are_errors_where_the_generation_is_known() -> None:
    assert told(THREE, Syntax.V9) == []
    assert "2 error wrong-generation" not in told(THREE, Syntax.V8)
    assert {"3 error wrong-generation", "21 error wrong-generation"} <= set(told(THREE, Syntax.V8))
    fenced_as_in_8 = changed(GOOD, "on-io-error detach", "fencing resource-only")
    assert told(fenced_as_in_8) == []
    assert told(fenced_as_in_8, Syntax.V9) == ["18 error wrong-generation"]


def test_drbd_9_ignores_become_primary_on() -> None:
    assert "6 warning ignored-keyword" in told(RECORDED, Syntax.V9)
    assert "6 warning primary-on-both" in told(RECORDED, Syntax.V8)


def test_three_nodes_want_a_quorum_and_their_ids() -> None:
    assert told(changed(THREE, "quorum majority;", "quorum off;")) == ["3 warning no-quorum"]
    assert told(changed(THREE, "node-id 2", "node-id 1")) == ["29 error node-id-conflict"]
    assert told(changed(THREE, "    node-id 2;", "")) == ["28 error node-id-missing"]


def test_a_third_node_of_the_cluster_could_break_the_tie() -> None:
    three = Surroundings(addresses={**NODES, "third": frozenset({"10.1.1.3"})})
    assert told(GOOD, Syntax.V9, three) == ["2 warning no-tiebreaker"]
    assert told(GOOD, Syntax.V8, three) == []
    assert told(GOOD, Syntax.V9, Surroundings(addresses=NODES)) == []


def test_failover_wants_protocol_c() -> None:
    assert told(changed(GOOD, "protocol C", "protocol A")) == ["3 warning protocol-not-c"]
    assert told(changed(GOOD, "protocol C", "protocol b")) == ["3 warning protocol-not-c"]


@pytest.mark.skipif(not PAPER.is_file(), reason="the paper's listing is not here")
def test_the_papers_file_mended_has_no_error() -> None:
    text = PAPER.read_text().replace("protocol 3", "protocol C").replace("degg-", "degr-")
    text = text.replace("cran-nsd-alg", "cram-hmac-alg").replace("discard-both", "disconnect")
    head, _, tail = text.rpartition("10.227.3.20")
    assert not [each for each in told(f"{head}10.227.3.21{tail}") if " error " in each]


def test_what_a_host_lacks_is_said_at_the_host() -> None:
    text = GOOD.replace("    disk /dev/vg0/rs;\n    address 10.1.1.2:7788;\n", "")
    assert told(text) == ["28 error missing-statement"]
    assert findings(text)[0].params["missing"] == "disk, address"


def test_a_device_is_one_of_drbds_and_fits_its_minor() -> None:
    text = GOOD.replace("device /dev/drbd0", "device /dev/drbd1 minor 1")
    assert told(text) == []
    assert told(changed(text, "drbd1 minor 1", "drbd1 minor 2", 23)) == ["23 error minor-mismatch"]
    assert told(changed(text, "/dev/drbd1 minor 1", "/dev/sdb", 23)) == ["23 error bad-device"]


def test_disks_and_metadata_are_whole_paths_that_stay() -> None:
    assert told(changed(GOOD, "/dev/vg0/rs", "/dev/sda1", 24)) == ["24 warning unstable-disk-name"]
    assert told(changed(GOOD, "/dev/vg0/rs", "vg0/rs", 30)) == ["30 error bad-disk"]
    assert told(changed(GOOD, "internal", "interal", 26)) == ["26 error bad-meta-disk"]
    indexed = changed(GOOD, "internal", "/dev/vg0/meta[0]", 26)
    assert told(indexed) == ["26 warning meta-disk-indexed"]
    assert told(changed(GOOD, "meta-disk internal", "flexible-meta-disk /dev/vg0/meta", 26)) == []


def test_two_resources_share_neither_minor_disk_metadata_nor_port() -> None:
    second = GOOD.replace("resource rs", "resource r2").replace("internal", "/dev/vg0/m[1]")
    first = GOOD.replace("internal", "/dev/vg0/m[1]")
    both = [each for each in told(first + second) if "indexed" not in each]
    assert both == [
        "57 error minor-conflict",
        "58 warning disk-conflict",
        "59 error address-conflict",
        "60 error meta-disk-conflict",
        "63 error minor-conflict",
        "64 warning disk-conflict",
        "65 error address-conflict",
        "66 error meta-disk-conflict",
    ]


def test_in_9_resources_may_share_one_end_of_their_connections() -> None:
    second = GOOD.replace("resource rs", "resource r2").replace("10.1.1.2", "10.1.1.3")
    second = second.replace("drbd0", "drbd1").replace("vg0/rs", "vg0/r2")
    assert told(GOOD + second, Syntax.V9) == []
    assert told(GOOD + second, Syntax.V8) == ["59 error address-conflict"]
    assert told(GOOD + second) == ["59 warning address-conflict"]


def test_common_holds_for_resources_that_say_nothing_themselves() -> None:
    lines = GOOD.split("\n")
    common = ["common {", *lines[3:21], "}"]
    text = "\n".join([*common, *lines[:3], *lines[21:]])
    assert told(text) == []
    weak = text.replace("k7Qm-v2Xp.9sRt/4bWz", "secret")
    assert told(weak) == ["8 warning secret-weak"]


def test_the_syncer_section_of_8_3_is_understood() -> None:
    old = GOOD.replace("  disk {\n    on-io-error detach;\n", "  syncer {\n")
    old = old.replace("c-max-rate 60M", "rate 60M").replace("c-plan-ahead 20", "c-plan-ahead 0")
    assert told(old) == ["17 warning old-section", "18 warning old-keyword"]
    assert told(old, Syntax.V9)[0].startswith("17 warning old-section")
    assert "18 error wrong-generation" in told(old, Syntax.V9)


NODES = {"master": frozenset({"192.0.2.20", "10.1.1.1"}), "slave": frozenset({"10.1.1.2"})}


def test_an_address_belongs_to_an_interface_of_its_node() -> None:
    assert told(GOOD, around=Surroundings(addresses=NODES)) == []
    elsewhere = {**NODES, "slave": frozenset({"192.0.2.21"})}
    around = Surroundings(addresses=elsewhere)
    assert told(GOOD, around=around) == ["31 error address-not-on-node"]
    told_otherwise = {**NODES, "slave": frozenset({"10.1.1.2/24", "fd00:0:0::2/64"})}
    six = changed(GOOD, "address 10.1.1.2:7788", "address ipv6 [fd00::2]:7788")
    for text in (GOOD, six):
        assert told(text, around=Surroundings(addresses=told_otherwise)) == []
    unread = {**NODES, "slave": frozenset[str]()}
    assert told(GOOD, around=Surroundings(addresses=unread)) == []


def test_an_address_that_a_node_may_get_when_it_boots_is_not_judged() -> None:
    elsewhere = {**NODES, "slave": frozenset({"192.0.2.21"})}
    asks = Surroundings(addresses=elsewhere, open_families={"slave": frozenset({"inet"})})
    assert told(GOOD, around=asks) == []
    six = Surroundings(addresses=elsewhere, open_families={"slave": frozenset({"inet6"})})
    assert told(GOOD, around=six) == ["31 error address-not-on-node"]


def test_hosts_are_nodes_of_the_cluster_with_or_without_their_domain() -> None:
    around = Surroundings(addresses=NODES, this_node="slave.example.org")
    assert told(GOOD.replace("on master", "on master.example.org"), around=around) == []
    renamed = changed(GOOD, "on slave", "on server2")
    assert told(renamed, around=around) == [
        "2 error not-for-this-node",
        "28 warning host-unknown",
    ]


def test_a_limit_is_judged_by_the_link() -> None:
    gigabit = 125_000_000.0
    assert told(GOOD, around=Surroundings(link_rate=gigabit)) == []
    slow = Surroundings(link_rate=gigabit / 10)
    assert told(GOOD, around=slow) == ["19 warning rate-above-link"]
    unlimited = changed(GOOD, "    c-max-rate 60M;", "")
    assert told(unlimited, around=Surroundings(link_rate=gigabit)) == [
        "2 warning rate-above-link",
        "2 warning rate-limit-missing",
    ]


def test_guests_on_both_nodes_want_two_resources() -> None:
    siakad, elearning = GuestOn("100 siakad", "master"), GuestOn("101 elearning", "slave")
    around = Surroundings(guests={"rs": (siakad, elearning)})
    assert told(GOOD, around=around) == ["2 warning shared-by-both-nodes"]
    stopped = Surroundings(guests={"rs": (siakad, GuestOn("101 elearning", None))})
    assert told(GOOD, around=stopped) == []


@pytest.mark.parametrize(
    ("lvm", "sees"),
    [
        ("", True),
        ('devices {\n  global_filter = [ "r|/dev/vg0/rs|" ]\n}', False),
        ('devices { filter = [ "a|^/dev/drbd.*|", "r/.*/" ] }', False),
        ('devices { filter = [ "a|/dev/.*|", "r|.*|" ] }', True),
        ('devices {\n # filter = [ "r|.*|" ]\n}', True),
        ('devices { global_filter = [ "a|.*|" ]\n filter = [ "r|.*|" ] }', False),
        ("devices { use_devicesfile = 1 }", False),
    ],
)
def test_lvm_must_not_open_the_disk_beneath_drbd(lvm: str, sees: bool) -> None:
    found = told(GOOD, around=Surroundings(lvm={"slave": lvm}))
    assert found == (["30 warning lvm-sees-backing-disk"] if sees else [])


def test_no_reason_holds_the_mark_that_ends_it_in_a_line() -> None:
    for rule in RULES.values():
        assert ";" not in rule.because, rule.code
        assert not rule.because.endswith("."), rule.code
