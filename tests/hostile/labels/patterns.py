"""Patterns of images, masks and groups that are wrong, absurd, or take for ever."""

# ruff: noqa: E501 (a case is one line)

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.hostile.case import Case, Prepare, both, file
from tests.hostile.labels.dataset import CHECK, CLASSES, dataset

LONG: Final = "a" * 200

PATTERNS: Final[Mapping[str, str]] = {
    "placeholders that touch": "images: 'images/{a}{b}.png', masks: 'masks/{a}{b}.png'",
    "twenty that touch": f"images: 'images/{''.join(f'{{p{n}}}' for n in range(20))}.png', masks: masks",
    "a thousand placeholders": f"images: 'images/{'-'.join(f'{{p{n}}}' for n in range(1000))}', masks: masks",
    "many wildcards": f"images: 'images/{'*a' * 30}*.png', masks: masks",
    "many wildcards and a placeholder": f"images: 'images/{{a}}{'*0' * 30}*.png', masks: masks",
    "folders upon folders": f"images: '{'**/' * 60}{{a}}.png', masks: masks",
    "folders above": f"images: '{'../' * 60}images/{{a}}.png', masks: masks",
    "a mask above all": "images: images, masks: '../../../../../../{stem}.png'",
    "a mask in a device": "images: images, masks: /dev/null",
    "an image in a device": "images: /dev/null, masks: masks",
    "a table in a device": "images: images, labels: /dev/null",
    "a mask in a process": "images: images, masks: /proc/self/mem",
    "all images are one mask": "images: images, masks: 'masks/0*.png'",
    "an image is its mask": "images: images, masks: '{stem}.png'",
    "no closing brace": "images: 'images/{a.png', masks: 'masks/{a.png'",
    "an empty brace": "images: 'images/{}.png', masks: masks",
    "a number in braces": "images: 'images/{0}.png', masks: masks",
    "an unknown placeholder": "images: images, masks: 'masks/{nothing}.png'",
    "a placeholder thrice": "images: 'images/{a}{a}{a}.png', masks: masks",
    "from that touches": "images: images, masks: {from: '{a}{b}{c}.png', to: 'masks/{a}.png'}",
    "from that fits nothing": "images: images, masks: {from: 'x{a}.png', to: 'masks/{a}.png'}",
    "from with many folders": f"images: images, masks: {{from: '{'{a}/' * 3}{{b}}.png', to: 'masks/{{b}}.png'}}",
    "an id that is one": "images: images, masks: masks, id: same",
    "an id of nothing": "images: images, masks: masks, id: '{nothing}'",
    "an id with a folder above": "images: 'images/{a}.png', masks: masks, id: '../../{a}'",
    "an id with a line": "{images: 'images/{a}.png', masks: masks, id: \"x\\n{a}\"}",
    "NUL in a path": '{images: "im\\0ages", masks: masks}',
    "NUL in a mask": '{images: images, masks: "ma\\0sks/{stem}.png"}',
    "a path of 5,000 letters": f"images: {'a' * 5000}, masks: masks",
    "a mask of 5,000 letters": f"images: images, masks: '{'a' * 5000}/{{stem}}.png'",
    "a divisor of 1": "images: images, masks: {to: masks, divide: 1}",
    "a divisor beyond all": "images: images, masks: {to: masks, divide: 1000000000000000000000}",
    "a threshold of nan": "images: images, masks: {to: masks, binary: .nan}",
    "a threshold for four classes": "images: images, masks: {to: masks, binary: 127}",
    "a tolerance beyond all": "images: images, masks: {to: masks, tolerance: 1000}",
    "masks of no class": "images: images, masks: {of_class: {nothing: masks}}",
    "masks of a number": "images: images, masks: {of_class: {1: masks}}",
    "masks of other sizes": "images: images, masks: {of_class: {paper: 'masks/1*.png'}}",
    "a list that is a folder": "images: images, masks: masks, list: images",
    "a list of another file": "images: images, masks: masks, list: images/0.png",
}

GROUPS: Final[Mapping[str, str]] = {
    "nested repetition": "'(a+)+$'",
    "nested repetition of words": r"'^(\w+\s?)*$'",
    "alternatives": "'(a|aa)+$'",
    "any, again and again": f"'{'(.*)' * 25}x'",
    "a look behind": "'(?<=a+)b'",
    "a bad bracket": "'['",
    "a huge count": "'(a{1,65000}){1,65000}x'",
    "a count beyond all": "'a{99999999999999999999}'",
    "nested parentheses": f"'{'(' * 5000}a{')' * 5000}'",
    "nothing": "''",
    "an empty match": "'()'",
    "placeholders that touch": "'{a}{b}'",
    "thirty placeholders": f"'{'_'.join(f'{{p{n}}}' for n in range(30))}'",
    "thirty that touch": f"'{''.join(f'{{p{n}}}' for n in range(30))}x'",
    "twelve with wildcards": f"'{'{a}*'}{'*'.join(f'{{p{n}}}' for n in range(12))}*x'",
    "a placeholder of a keyword": "'{class}_*'",
    "metadata": "{metadata: camera}",
    "a day": "{metadata: day}",
    "a table of nothing": "{table: nothing.csv, column: group}",
    "a table that is an image": "{table: images/0.png, column: group}",
    "a table that is a device": "{table: /dev/zero, column: group}",
    "a column alone": "{column: group}",
}


def cases() -> Iterator[Case]:
    for name, split in PATTERNS.items():
        yield Case(f"pattern: {name}", CHECK, dataset(split), expected="either", writes="")
    for name, group in GROUPS.items():
        made = both(_long_names(), dataset("images: images, masks: masks", f"group: {group}\n"))
        yield Case(f"group: {name}", CHECK, made, expected="either", writes="")
        share = f"train: {{images: images, masks: masks}}\nval: {{share: 0.2, group: {group}}}\nclasses: {CLASSES}\n"
        if group.startswith("'"):
            yield Case(
                f"share: {name}",
                CHECK,
                both(_long_names(), file("d.yaml", share)),
                expected="either",
                writes="",
            )


def _long_names() -> Prepare:
    """Images whose names are long, on which a pattern may take for ever."""

    def prepare(folder: Path) -> None:
        for kind in ("images", "masks"):
            for one in sorted((folder / kind).iterdir()):
                one.rename(one.with_name(f"{LONG}{one.stem}!.png"))

    return prepare
