"""Version of the package: that of ganx."""

__version__ = "0.1.0"
