"""Submissions as a CSV of run lengths or pixel values, in the columns, ids and rows of a contest."""
