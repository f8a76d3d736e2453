"""What residents of a made-up Jingmen speak up about, and where: the words that cases are made of."""

from dataclasses import dataclass
from enum import StrEnum


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
    """One kind of trouble. `code` is its place in the taxonomy; `{where}` in the texts becomes the place."""

    code: str
    topic: str
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

SCENES = (
    Scene(
        "0101",
        "环境卫生整治",
        Wish.COMPLAIN,
        "{where}垃圾堆放无人清运",
        "{where}垃圾房外堆满生活垃圾，已有三天无人清运，气味难闻，请尽快处理。",
        "市城市管理执法委员会",
        "已组织环卫人员清运，并调整清运频次。",
    ),
    Scene(
        "0103",
        "违建拆除",
        Wish.REPORT,
        "举报{where}楼顶违法搭建",
        "{where}顶楼住户私自搭建阳光房，占用公共屋面，存在安全隐患。",
        "市城市管理执法委员会",
        "经现场查看属违法建设，已下达限期拆除通知书。",
    ),
    Scene(
        "0104",
        "噪声",
        Wish.COMPLAIN,
        "{where}夜间施工噪声扰民",
        "{where}旁工地连续多日施工至凌晨，影响居民休息，家中有高考学生。",
        "市生态环境局",
        "已责令施工单位夜间停工，并安排夜间巡查。",
    ),
    Scene(
        "0105",
        "停车难",
        Wish.COMPLAIN,
        "{where}停车难、停车乱",
        "{where}商铺门前车辆乱停，小区车位不足，消防通道被占，希望统一规划停车位。",
        "市公安局交通警察支队",
        "社区已联合物业对路面统一规划，新增机动车停车位。",
    ),
    Scene(
        "0106",
        "路灯",
        Wish.HELP,
        "{where}路灯不亮",
        "{where}门口一段路灯已坏一周，老人夜间出行不便，请维修。",
        "市住房和城乡建设局",
        "已更换灯具，路灯恢复照明。",
    ),
    Scene(
        "0201",
        "污水管网",
        Wish.HELP,
        "{where}污水管网堵塞外溢",
        "{where}污水井反水，污水流到楼道口，居民出行困难，请维修管网。",
        "市住房和城乡建设局",
        "施工方案已公示，管网清淤疏通完毕。",
    ),
    Scene(
        "0202",
        "供水水压",
        Wish.COMPLAIN,
        "{where}高层水压不足",
        "{where}六楼以上晚间经常停水，水压不足，热水器无法使用。",
        "市水务集团",
        "已对加压泵进行检修，水压恢复正常。",
    ),
    Scene(
        "0205",
        "道路",
        Wish.HELP,
        "{where}路面坑洼破损",
        "{where}出口路面多处坑洼，雨天积水，电动车多次摔倒。",
        "市住房和城乡建设局",
        "破损路面已修补。",
    ),
    Scene(
        "0301",
        "物业矛盾",
        Wish.COMPLAIN,
        "{where}物业收费不透明",
        "{where}物业公司多收公摊电费，账目不公示，业主多次沟通无果。",
        "市住房和城乡建设局",
        "已约谈物业公司，账目于公示栏公开。",
    ),
    Scene(
        "0302",
        "房屋质量",
        Wish.COMPLAIN,
        "{where}电梯频繁故障",
        "{where}二单元电梯本月已困人两次，维保单位迟迟不修，请督促。",
        "市市场监督管理局",
        "电梯已停用检修，更换门机后恢复运行。",
    ),
    Scene(
        "0303",
        "老旧小区改造",
        Wish.SUGGEST,
        "建议{where}纳入老旧小区改造",
        "{where}建成三十余年，外墙脱落、线路老化，建议纳入明年改造计划。",
        "市住房和城乡建设局",
        "已纳入下一年度改造项目库。",
    ),
    Scene(
        "0401",
        "邻里",
        Wish.HELP,
        "{where}邻里漏水纠纷求调解",
        "{where}楼上卫生间漏水，多次协商未果，希望社区出面调解。",
        "市司法局",
        "人民调解委员会已调解，双方达成协议。",
    ),
    Scene(
        "0404",
        "劳动争议",
        Wish.COMPLAIN,
        "{where}工地拖欠工资",
        "在{where}附近工地务工三个月，工资至今未付，请求帮助讨薪。",
        "市人力资源和社会保障局",
        "已责令用工单位支付，工资到账。",
    ),
    Scene(
        "0501",
        "防火",
        Wish.REPORT,
        "{where}楼道飞线充电",
        "{where}多户从窗户拉线给电动车充电，楼道堆放杂物，火灾隐患大。",
        "市消防救援支队",
        "隐患已清除，增设充电桩12个。",
    ),
    Scene(
        "0602",
        "社保",
        Wish.ASK,
        "咨询灵活就业人员社保缴费",
        "{where}居民咨询灵活就业人员养老保险缴费档次及补缴办法。",
        "市人力资源和社会保障局",
        "已电话告知缴费档次和办理途径。",
    ),
    Scene(
        "0603",
        "医保",
        Wish.ASK,
        "咨询异地就医报销比例",
        "{where}居民咨询父母随子女异地居住，住院费用如何直接结算。",
        "市医疗保障局",
        "已告知备案流程及报销比例。",
    ),
    Scene(
        "0701",
        "招生收费",
        Wish.COMPLAIN,
        "{where}附近培训机构退费难",
        "{where}对面培训机构停业，剩余课时费不退，涉及三十余名家长。",
        "市教育局",
        "机构已分批退费。",
    ),
    Scene(
        "0702",
        "课后服务",
        Wish.SUGGEST,
        "建议{where}开办4点半课堂",
        "{where}双职工家庭多，放学后孩子无人看管，建议利用闲置活动室开办4点半课堂。",
        "市教育局",
        "活动室已协调到位，下周开课。",
    ),
    Scene(
        "0801",
        "医疗服务",
        Wish.PRAISE,
        "表扬{where}社区卫生服务站",
        "{where}社区医生上门为行动不便老人换药，服务热情，特此表扬。",
        "市卫生健康委员会",
        "已转达并通报表扬。",
    ),
    Scene(
        "0901",
        "消费",
        Wish.COMPLAIN,
        "{where}超市购物卡无法使用",
        "在{where}超市办理购物卡后门店关闭，余额不退，金额€120的进口奶粉也未发货。",
        "市市场监督管理局",
        "经调解商家已退款。",
    ),
    Scene(
        "0902",
        "食品药品",
        Wish.REPORT,
        "举报{where}餐馆使用过期食材",
        "{where}门口餐馆后厨使用过期食材，卫生状况差，请查处。",
        "市市场监督管理局",
        "已立案调查，责令停业整改。",
    ),
    Scene(
        "0903",
        "价格",
        Wish.COMPLAIN,
        "{where}停车场乱收费",
        "{where}门口停车场不按公示标准收费，每小时多收3元，且不开发票。",
        "市市场监督管理局",
        "已责令按标准收费并退还多收费用。",
    ),
    Scene(
        "0904",
        "质量",
        Wish.COMPLAIN,
        "{where}门店销售的电动车刹车失灵",
        "在{where}门店购买的电动车使用一周刹车失灵，商家拒绝退换。",
        "市市场监督管理局",
        "商家已更换整车。",
    ),
    Scene(
        "1001",
        "灌溉泵房",
        Wish.HELP,
        "{where}灌溉管道老化水压不足",
        "{where}灌溉管道老化，水压不足，四个村民小组的田地缺水，希望新建泵房。",
        "市农业农村局",
        "新建泵房方案已确定，本月动工。",
    ),
    Scene(
        "1101",
        "水",
        Wish.REPORT,
        "{where}附近河沟排放污水",
        "{where}附近河沟每到夜间有黑色污水排入，气味刺鼻。",
        "市生态环境局",
        "已封堵排污口，对企业立案。",
    ),
    Scene(
        "1201",
        "办事",
        Wish.SUGGEST,
        "建议企业注销实行一窗通办",
        "位于{where}的小微企业反映注销需跑三个窗口，建议一次办成。",
        "市数据局",
        "一窗通办专窗已开设。",
    ),
    Scene(
        "1203",
        "营商环境",
        Wish.ASK,
        "咨询小微企业贷款贴息",
        "位于{where}的个体工商户咨询创业担保贷款贴息政策。",
        "市数据局",
        "已发送政策清单并指派专人对接。",
    ),
)

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕张"
"""With 先生 or 女士 behind it, as a call taker writes it down: no full name, so no real person."""
