"""Compute and memory operations, one a file; importable as `fabricbench.kernels`."""
