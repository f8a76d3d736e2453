"""A made-up city of legacy systems, for demonstrations and tests."""

from replica.faults import Faults
from replica.replica import HOST, PORT, SEED, Replica

__all__ = ["HOST", "PORT", "SEED", "Faults", "Replica"]
