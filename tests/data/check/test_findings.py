"""Many findings of one cause are one line."""

from pathlib import Path

from seg.data.check.findings import Finding, group_findings
from seg.terminal.words import printable_line


def missing(number: int) -> Finding:
    return Finding("error", Path(f"masks/{number}.png"), None, "there is no such file", "mend or remove it")


def test_up_to_three_of_a_cause_are_lines_of_their_own() -> None:
    assert group_findings([missing(1), missing(2), missing(3)]) == [
        str(missing(number)) for number in (1, 2, 3)
    ]


def test_more_of_a_cause_are_one_line_with_a_count_and_three_examples() -> None:
    (line,) = group_findings(map(missing, range(1, 12)))
    assert line == (
        "error: masks/1.png: there is no such file: mend or remove it"
        " (11 such errors: also masks/2.png, masks/3.png, ...)"
    )


def test_numbers_and_names_make_no_cause_of_their_own() -> None:
    def holds(annotation: int) -> Finding:
        problem = f"category {annotation} {'x' * annotation!r} (of 7) is not a class"
        return Finding("error", Path("t.json"), annotation, problem, "did you mean 'y'?")

    (line,) = group_findings(map(holds, range(5)))
    assert line.startswith("error: t.json: annotation 0: category 0 '' (of 7) is not a class")
    assert "(5 such errors: also t.json: annotation 1, t.json: annotation 2, ...)" in line


def test_causes_and_severities_are_kept_apart() -> None:
    warnings = [
        Finding("warning", Path(f"{n}.png"), None, "there is no such file", "mend it") for n in range(4)
    ]
    others = [
        Finding("error", Path(f"{n}.png"), None, "is empty (0 bytes)", "mend or remove it") for n in range(4)
    ]
    assert len(group_findings([*map(missing, range(4)), *warnings, *others])) == 3


def test_the_same_finding_counts_once() -> None:
    assert group_findings([missing(1)] * 9) == [str(missing(1))]


def test_a_line_is_one_line_whatever_the_name() -> None:
    assert printable_line("a\nb\0c\udce9 \u00e4.png") == "a\\nb\\x00c\\udce9 \u00e4.png"
