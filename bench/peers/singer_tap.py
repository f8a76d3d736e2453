"""A tap of the Singer SDK that reads the tickets and writes its messages to stdout; no target reads them.

Runs in the SDK's own virtual environment.    python singer_tap.py --config CONFIG
"""

from typing import Any

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import JSONPathPaginator

TEXTS = (
    *("order_no", "title", "content", "category1", "category2", "category3", "channel", "status", "urgency"),
    *("caller_name", "caller_phone", "caller_gender", "area_code", "area_name", "address", "accept_time", "deadline"),
    *("finish_time", "update_time", "handle_dept", "dept_code", "reply"),
)


class Tickets(RESTStream[str]):
    name = "tickets"
    path = "/cursor"
    primary_keys = ("order_no",)
    records_jsonpath = "$.items[*]"
    schema = th.PropertiesList(
        *(th.Property(name, th.StringType) for name in TEXTS),
        *(th.Property(name, th.NumberType) for name in ("lng", "lat")),
        *(th.Property(name, th.IntegerType) for name in ("satisfaction", "is_secret")),
    ).to_dict()

    @property
    def url_base(self) -> str:
        return str(self.config["url"]).removesuffix("/cursor")

    def get_new_paginator(self) -> JSONPathPaginator:
        return JSONPathPaginator("$.next_cursor")

    def get_url_params(self, context: Any, next_page_token: str | None) -> dict[str, Any]:
        del context
        return {"limit": 500, **({"cursor": next_page_token} if next_page_token else {})}


class TapHotline(Tap):
    name = "tap-hotline"
    config_jsonschema = th.PropertiesList(th.Property("url", th.StringType, required=True)).to_dict()

    def discover_streams(self) -> list[Tickets]:
        return [Tickets(self)]


if __name__ == "__main__":
    TapHotline.cli()
