"""Output of other tools -> records: one file a tool, found by what it prints."""
