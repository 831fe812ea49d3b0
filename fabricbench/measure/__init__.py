"""Taking samples: the loop, the clock, synchronised starts, when to stop, and whether the result is right."""
