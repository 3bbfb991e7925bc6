"""What a configuration means for a judgement."""

from __future__ import annotations

import pytest

from hapanel.drbd.configured import Meant, meant

RESOURCE = """
common {{ net {{ {common} }} }}
resource rs {{
  net {{ {net} }}
  startup {{ {startup} }}
  on master {{ device /dev/drbd0; disk /dev/sdb1; address 10.0.0.1:7788; meta-disk internal; }}
  on slave {{ device /dev/drbd0; disk /dev/sdb1; address 10.0.0.2:7788; meta-disk internal; }}
}}
"""


@pytest.mark.parametrize(
    ("common", "net", "startup", "dual"),
    [
        ("", "allow-two-primaries yes;", "become-primary-on both;", True),
        ("allow-two-primaries;", "", "become-primary-on master slave;", True),
        ("", "allow-two-primaries yes;", "", False),
        ("", "allow-two-primaries yes;", "become-primary-on master;", False),
        ("", "", "become-primary-on both;", False),
    ],
)
def test_two_primaries_for_good_need_both_words(
    common: str, net: str, startup: str, dual: bool
) -> None:
    text = RESOURCE.format(common=common, net=net, startup=startup)
    assert meant(text) == (Meant("rs", ("master", "slave"), dual),)


@pytest.mark.parametrize("text", ["", "resource", "resource { on { ", "\x00{{{{", "}" * 99])
def test_what_is_no_configuration_means_nothing(text: str) -> None:
    assert all(one.name for one in meant(text))
