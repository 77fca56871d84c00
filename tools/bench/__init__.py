"""The project's own benchmarks: `patrol bench NAME --json`."""
