"""Calibration of early exit: images and tiles that run all passes, and the risk of stopping earlier."""
