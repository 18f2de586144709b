"""The package's version, which each request names in its ``User-Agent``."""

__version__ = "1.0.0"
