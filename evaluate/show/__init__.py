"""Pictures of predictions beside images and labels, for `seg show`."""
