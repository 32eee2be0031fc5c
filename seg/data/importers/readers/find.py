"""Finding the image that an annotation names, wherever its folder lies now."""

from collections import defaultdict
from pathlib import Path, PurePosixPath

from seg.data.images.image_files import image_files_in


class ImageFinder:
    """The images below a folder by name."""

    def __init__(self, folder: Path) -> None:
        """Raises DataError if there are no images."""
        self._folder = folder
        self._named: dict[str, list[Path]] = defaultdict(list)
        for image in image_files_in(folder):
            self._named[image.name].append(image)

    def find(self, name: str) -> Path | None:
        """The image at that path, or the only one whose path agrees with the most of its last parts."""
        wanted = PurePosixPath(name.replace("\\", "/"))
        found = self._named.get(wanted.name, [])
        for count in range(len(wanted.parts), 0, -1):
            ending = wanted.parts[-count:]
            fitting = [image for image in found if image.relative_to(self._folder).parts[-count:] == ending]
            if len(fitting) == 1:
                return fitting[0]
        return None
