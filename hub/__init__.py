"""One GraphQL API over a city's legacy appeal systems."""

__version__ = "0.1.0"
