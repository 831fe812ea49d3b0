"""Communication operations, one a file, and one file for each further algorithm; importable as `fabricbench.collectives`."""
