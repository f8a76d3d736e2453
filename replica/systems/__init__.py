"""The legacy systems of the city, each with its own words, codes and habits."""

from replica.systems.base import DropSystem, System, WebSystem
from replica.systems.gaopinban import Gaopinban
from replica.systems.hotline_12315 import Hotline12315
from replica.systems.hotline_12319 import Hotline12319
from replica.systems.hotline_12345 import Hotline12345
from replica.systems.hotline_12345_jingshan import Hotline12345Jingshan
from replica.systems.huiqi import Huiqi
from replica.systems.mashangyi import Mashangyi
from replica.systems.mayor_mailbox import MayorMailbox
from replica.systems.petition import Petition
from replica.systems.shuzi_chengguan import ShuziChengguan

WEB_SYSTEMS: dict[str, type[WebSystem]] = {
    "hotline-12345": Hotline12345,
    "hotline-12315": Hotline12315,
    "hotline-12319": Hotline12319,
    "gaopinban": Gaopinban,
    "mashangyi": Mashangyi,
    "huiqi": Huiqi,
    "shuzi-chengguan": ShuziChengguan,
}
"""By the name that each has in connectors.yaml, which is also its path."""

DROP_SYSTEMS: dict[str, type[DropSystem]] = {
    "hotline-12345-jingshan": Hotline12345Jingshan,
    "petition": Petition,
    "mayor-mailbox": MayorMailbox,
}
"""By the name that each has in connectors.yaml, which is also its folder."""

__all__ = ["DROP_SYSTEMS", "WEB_SYSTEMS", "DropSystem", "System", "WebSystem"]
