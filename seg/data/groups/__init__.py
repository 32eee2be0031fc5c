"""Groups of images that resemble one another: nothing is judged on a copy of what it was fitted on."""

from seg.data.groups.given import groups_by_pattern
from seg.data.groups.groups import Groups, group_images, independent_images
from seg.data.groups.jackknife import jackknife_error

__all__ = ["Groups", "group_images", "groups_by_pattern", "independent_images", "jackknife_error"]
