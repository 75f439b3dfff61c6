"""The infrastructure that runs the work: settings, servers, engines, tracking, monitoring."""

__version__ = "0.1.0"
"""Version of trilla; pyproject.toml reads it from here."""
