"""Communication operations, and further algorithms, one a file, importable as `fabricbench.collectives`."""
