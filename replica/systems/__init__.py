"""The 43 legacy systems of the city, each with its own words, codes and habits."""

from replica.counters.base import System
from replica.systems.absorbed import ABSORBED
from replica.systems.dual_numbers import DUAL_NUMBERS
from replica.systems.integrator import HOTLINE_12345
from replica.systems.platforms import PLATFORMS
from replica.systems.sub_centres import SUB_CENTRES

INTEGRATOR = HOTLINE_12345.name

SYSTEMS: dict[str, System] = {
    system.name: system for system in (*DUAL_NUMBERS, *SUB_CENTRES, *ABSORBED, *PLATFORMS, HOTLINE_12345)
}
"""By the name that each has in connectors.yaml, which is also its path or folder; what 12345 hears of before it."""
