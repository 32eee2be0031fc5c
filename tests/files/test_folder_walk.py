"""Links to folders are followed once, and none leads in a circle."""

from pathlib import Path

from seg.files.folder_walk import walk_folders


def test_a_linked_folder_is_walked_once_and_a_circle_not(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for folder in (root / "own", elsewhere / "deep"):
        folder.mkdir(parents=True)
        (folder / "a.png").touch()
    for name, target in (
        ("circle", root),
        ("above", tmp_path),
        ("again", root / "own"),
        ("link", elsewhere),
        ("link_too", elsewhere),
    ):
        (root / name).symlink_to(target)
    found = [
        (where / name).relative_to(root).as_posix()
        for where, _, names in walk_folders(root)
        for name in names
    ]
    assert sorted(found) == ["link/deep/a.png", "own/a.png"]
