"""Two files side by side with findings in place, and no secret in what is shown."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hapanel.drbd.configuration.beside import Marked, Row, side_by_side
from hapanel.drbd.configuration.compare import compare
from hapanel.drbd.configuration.lint import judged
from hapanel.drbd.configuration.masking import masked
from hapanel.drbd.configuration.reader import Source, read
from hapanel.drbd.configuration.understanding import understood
from tests.pure.drbd.configurations import GOOD, changed


def rows(left: str, right: str) -> tuple[Row, ...]:
    sources = Source("master:rs.res", left), Source("slave:rs.res", right)
    one, other = (understood(read(source)) for source in sources)
    said = [*judged(one), *judged(other), *(each.finding for each in compare(one, other))]
    return side_by_side(*sources, said)


def test_equal_files_stand_line_beside_line() -> None:
    told = rows(GOOD, GOOD)
    assert {row.marked for row in told} == {Marked.SAME}
    assert [row.left and row.left.number for row in told] == list(range(1, 35))


def test_findings_stand_at_their_side_and_differences_at_both() -> None:
    wrong = changed(GOOD, "c-max-rate 60M", "c-max-rate 60MB")
    (row,) = [row for row in rows(GOOD, wrong) if row.marked is not Marked.SAME]
    assert row.marked is Marked.CHANGED
    assert row.left is not None
    assert row.right is not None
    assert [each.code for each in row.left.findings] == ["differs"]
    assert {each.code for each in row.right.findings} == {"differs", "bad-number"}


def test_a_line_of_one_side_stands_alone() -> None:
    told = rows(GOOD, GOOD.replace("    ping-timeout 10;\n", ""))
    (row,) = [row for row in told if row.marked is not Marked.SAME]
    assert row.marked is Marked.LEFT_ONLY
    assert row.right is None
    assert row.left is not None
    assert row.left.number == 15
    assert [each.code for each in row.left.findings] == ["differs"]


def test_another_secret_is_no_readable_difference_but_a_finding() -> None:
    told = rows(GOOD, changed(GOOD, "k7Qm-v2Xp.9sRt/4bWz", "another-Secret-77"))
    assert {row.marked for row in told} == {Marked.SAME}
    assert "k7Qm" not in repr(told)
    assert "another-Secret" not in repr(told)
    assert [row.left.number for row in told if row.left and row.left.findings] == [10]


@settings(max_examples=80, deadline=None)
@given(
    st.text(alphabet="abcXYZ019", min_size=12, max_size=16),
    st.sampled_from(
        [
            'shared-secret "{}";',
            "shared-secret {};",
            'shared-secret "{}',
            "shared-secret first {};",
            'shared-secret\n "{}";',
            '# shared-secret "{}";',
            'shared-secrt "{}"; ping-int 10;',
            'shared-seecret {}; shared-secret "{}";',
            'password: "{}"',
            'shared-secret "a; \\" {}";',
        ]
    ),
    st.sampled_from(["net", "disk", "nett"]),
)
def test_no_form_of_a_secret_passes_the_mask(secret: str, form: str, section: str) -> None:
    text = f"resource rs {{\n  {section} {{\n    {form.replace('{}', secret)}\n  }}\n}}\n"
    shown = masked(text)
    assert secret not in shown
    assert shown.count("\n") == text.count("\n")


def test_text_without_a_secret_stays_as_it_is() -> None:
    text = GOOD.replace('    shared-secret "k7Qm-v2Xp.9sRt/4bWz";\n', "")
    assert masked(text) == text
    assert masked(GOOD) == GOOD.replace('"k7Qm-v2Xp.9sRt/4bWz"', '"(hidden)"')
