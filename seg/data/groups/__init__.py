"""Groups of images that resemble one another: nothing is judged on a copy of what it was fitted on."""

from seg.data.groups.groups import Groups, group_images, independent_images

__all__ = ["Groups", "group_images", "independent_images"]
