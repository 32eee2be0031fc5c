"""Modules that stand in for packages that a borrowed machine lacks, in a folder each."""
