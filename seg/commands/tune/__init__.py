"""`seg tune`, for classes of which a pixel has one, and for classes that overlap."""
