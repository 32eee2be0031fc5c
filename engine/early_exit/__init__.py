"""When an image needs no further pass, and which passes come first."""
