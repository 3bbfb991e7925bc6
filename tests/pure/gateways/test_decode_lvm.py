"""What `lvs` tells of a snapshot."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hapanel.gateways.drbd_ssh.lvm import read_volumes


def told(**row: str) -> bytes:
    plain = {"lv_name": "hapanel-rs-0-17", "vg_name": "pve", "lv_size": "67108864"}
    return json.dumps({"report": [{"lv": [plain | row]}]}).encode()


def test_a_snapshot_tells_its_origin_its_use_and_its_age() -> None:
    body = told(
        lv_attr="swi-a-s---",
        origin="r0",
        data_percent="12.40",
        lv_time="2026-11-29 22:00:00 +0200",
    )
    [volume] = read_volumes(body, "x")
    assert (volume.origin, volume.filled, volume.is_lost) == ("r0", 12.4, False)
    assert volume.made_at == datetime(2026, 11, 29, 20, 0, tzinfo=UTC)


def test_one_that_ran_full_is_lost_and_what_is_not_told_is_unknown() -> None:
    [full] = read_volumes(told(lv_attr="swi-I-s---", origin="r0", data_percent="100.00"), "x")
    assert full.is_lost
    [volume] = read_volumes(told(lv_attr="-wi-ao----", data_percent="", lv_time="Sunday"), "x")
    assert (volume.origin, volume.filled, volume.made_at) == ("", None, None)
