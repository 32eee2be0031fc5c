"""What becomes of the regions of a decided image: sure enough, large enough, without holes."""
