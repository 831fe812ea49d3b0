"""From a suite to a file of records: what to measure, where, in which order, and what ends it early."""
