"""整体并入: the hotlines that were merged into 12345, each with what it left behind."""

from replica.systems.absorbed_archives import ARCHIVES
from replica.systems.absorbed_services import SERVICES

ABSORBED = tuple(sorted((*ARCHIVES, *SERVICES), key=lambda system: system.name))
