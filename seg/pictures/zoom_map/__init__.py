"""Zoomable maps: a folder of tiles of a large image and its label maps, and a page that shows them."""

from seg.pictures.zoom_map.zoom_map import MapLayer, write_list_of_maps, write_zoom_map

__all__ = ["MapLayer", "write_list_of_maps", "write_zoom_map"]
