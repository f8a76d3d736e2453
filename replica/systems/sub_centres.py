"""设分中心: the hotlines of departments under vertical management, with systems and numbers of their own."""

from replica.counters.base import System

SUB_CENTRES: tuple[System, ...] = ()
