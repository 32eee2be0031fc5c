"""The split that the name of a file or folder tells."""

import re
from pathlib import Path
from typing import Final

from seg.spec.dataset.dataset import SplitName

_SPLITS: Final[dict[str, SplitName]] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing", "predict"), "predict"),
}
_WORDS: Final = re.compile(r"[A-Za-z]+")
_LABEL_WORD: Final = re.compile(r"(annot|annotations?|masks?|labels?|images?|img|gt|set)$")


def split_of_word(text: str) -> SplitName | None:
    """The split that a name tells, such as `train_images`, `trainannot` or `val2017`; None for `trainval`."""
    words = [_LABEL_WORD.sub("", word.lower()) for word in _WORDS.findall(text)]
    found = {_SPLITS[word] for word in words if word in _SPLITS}
    return found.pop() if len(found) == 1 else None


def split_of_path(path: Path, folder: Path) -> SplitName | None:
    """The split that a path's folders tell, the nearest to the file first."""
    parts = path.relative_to(folder).parts[:-1]
    return next((split for part in reversed(parts) if (split := split_of_word(part))), None)
