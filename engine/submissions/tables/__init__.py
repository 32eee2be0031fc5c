"""Tables: submissions as a CSV of run lengths or pixel values, in the columns, ids and rows that a contest wants."""
