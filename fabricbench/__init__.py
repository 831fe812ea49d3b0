"""fabricbench: how fast the accelerators, memory, links and fabric of this machine or cluster are."""

__version__ = "0.1.0"
