"""Pure functions of records: no file is read here and nothing is printed."""
