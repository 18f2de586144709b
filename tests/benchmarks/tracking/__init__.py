"""The parts of the benchmark of the tracking API."""
