"""What residents of a made-up Jingmen speak up about, and where: the words that cases are made of."""

import csv
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Wish(StrEnum):
    """What the resident wants, in the replica's own words; every system spells it its own way."""

    ASK = "咨询"
    HELP = "求助"
    COMPLAIN = "投诉"
    REPORT = "举报"
    SUGGEST = "建议"
    PRAISE = "表扬"


@dataclass(frozen=True, slots=True)
class Scene:
    """One kind of trouble. `code` is its place in the taxonomy, `line` the hotline that people call for it.

    `{where}` in the texts becomes the place.
    """

    code: str
    topic: str
    line: str
    wish: Wish
    title: str
    content: str
    office: str
    answer: str


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere in the city; `longitude` and `latitude` are WGS-84 degrees near its middle."""

    area: str
    area_name: str
    street: str
    community: str
    estate: str
    longitude: float
    latitude: float

    @property
    def address(self) -> str:
        return f"{self.area_name}{self.street}{self.community}{self.estate}"


PLACES = (
    Place("420802", "东宝区", "龙泉街道", "长宁社区", "白云楼小区", 112.1990, 31.0410),
    Place("420802", "东宝区", "泉口街道", "月亮湖社区", "月亮湖花园", 112.1880, 31.0530),
    Place("420802", "东宝区", "石桥驿镇", "张坪村", "三组", 112.1650, 31.2300),
    Place("420804", "掇刀区", "掇刀石街道", "名泉社区", "名泉小区", 112.2070, 30.9790),
    Place("420804", "掇刀区", "白庙街道", "福利社区", "福利家园", 112.2160, 30.9920),
    Place("420822", "沙洋县", "滨江新区", "高坪社区", "汉津花园", 112.5780, 30.7120),
    Place("420822", "沙洋县", "沙洋镇", "荷花社区", "荷花苑", 112.5890, 30.7040),
    Place("420881", "钟祥市", "郢中街道", "莫愁社区", "莫愁佳苑", 112.5840, 31.1690),
    Place("420881", "钟祥市", "洋梓镇", "花山村", "五组", 112.6270, 31.2740),
    Place("420882", "京山市", "新市街道", "马家塝社区", "伯夷庵居民点", 113.1160, 31.0210),
    Place("420882", "京山市", "新市街道", "马家塝社区", "棉纺厂小区", 113.1190, 31.0180),
    Place("420882", "京山市", "温泉街道", "桂花台社区", "桂花台小区", 113.1020, 31.0120),
)


def _scenes() -> tuple[Scene, ...]:
    with Path(__file__).with_name("scenes.csv").open(encoding="utf-8", newline="") as table:
        _, *rows = csv.reader(table)
    return tuple(Scene(code, topic, line, Wish(wish), *texts) for code, topic, line, wish, *texts in rows)


SCENES = _scenes()

OFFICES = {
    "市城市管理执法委员会": "4208-01",
    "市生态环境局": "4208-02",
    "市公安局交通警察支队": "4208-03",
    "市住房和城乡建设局": "4208-04",
    "市水务集团": "4208-05",
    "市市场监督管理局": "4208-06",
    "市司法局": "4208-07",
    "市人力资源和社会保障局": "4208-08",
    "市消防救援支队": "4208-09",
    "市医疗保障局": "4208-10",
    "市教育局": "4208-11",
    "市卫生健康委员会": "4208-12",
    "市农业农村局": "4208-13",
    "市数据局": "4208-14",
    "市交通运输局": "4208-15",
    "市住房公积金中心": "4208-16",
    "市邮政管理局": "4208-17",
    "市烟草专卖局": "4208-18",
    "荆门海关": "4208-19",
    "人民银行荆门市分行": "4208-20",
    "市税务局": "4208-21",
    "市公安局出入境管理支队": "4208-22",
    "市文化和旅游局": "4208-23",
    "市商务局": "4208-24",
    "市发展和改革委员会": "4208-25",
    "市自然资源和规划局": "4208-26",
    "市妇女联合会": "4208-27",
    "市民政局": "4208-28",
    "市应急管理局": "4208-29",
    "市总工会": "4208-30",
    "共青团荆门市委员会": "4208-31",
    "市残疾人联合会": "4208-32",
    "荆门供电公司": "4208-33",
}
"""The departments and the bodies like them, each with its code in the city's dispatch catalogue."""

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕张"
"""With 先生 or 女士 behind it, as a call taker writes it down: no full name, so no real person."""
