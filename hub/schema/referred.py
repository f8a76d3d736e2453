"""What appeals refer to: topics, areas, organizations, and what is attached to them."""

import mimetypes
from typing import Optional
from urllib.parse import unquote, urlsplit

import strawberry

from hub import model
from hub.schema.context import Info
from hub.schema.labels import In
from hub.vocabulary import areas, topics
from hub.vocabulary.words import Locale


@strawberry.federation.type(description="问题分类: what an appeal is about.", keys=["code"])
class Topic:
    text: str = strawberry.field(description="As the source's map says it.")
    code: str | None = strawberry.field(
        description="Its code in the taxonomy of topics; null where the taxonomy does not know it."
    )
    inner: strawberry.Private[topics.Topic]

    def _label(self, locale: In = Locale.ZH) -> str:
        return self.inner.label.said(locale)

    def _parent(self) -> Optional["Topic"]:
        return Topic.of(self.inner.parent) if self.inner.parent else None

    def _group(self) -> "Topic":
        return Topic.of(self.inner.group)

    label: str = strawberry.field(
        resolver=_label, description="What people are shown; the source's text where the taxonomy does not know it."
    )
    parent: Optional["Topic"] = strawberry.field(
        resolver=_parent, description="The coarser topic that holds it; null for the coarsest."
    )
    group: "Topic" = strawberry.field(
        resolver=_group, description="The coarsest topic that holds it: itself, where nothing does."
    )

    @classmethod
    def of(cls, topic: topics.Topic) -> "Topic":
        return cls(text=topic.text, code=topic.code, inner=topic)

    @classmethod
    def said(cls, text: str | None) -> "Topic | None":
        return None if text is None else cls.of(topics.topic(text))


@strawberry.federation.type(
    description="行政区划: an administrative division, by the codes of GB/T 2260 and the city's own.", keys=["code"]
)
class Area:
    code: str = strawberry.field(
        description="Its code: `420802`; longer ones are of its parts. Where a source gives a name instead, that name."
    )
    inner: strawberry.Private[areas.Area]

    def _name(self, locale: In = Locale.ZH) -> str | None:
        return self.inner.name.said(locale) if self.inner.name else None

    def _parent(self) -> Optional["Area"]:
        return Area.of(self.inner.parent) if self.inner.parent else None

    def _children(self) -> list["Area"]:
        return [Area.of(child) for child in self.inner.children]

    name: str | None = strawberry.field(
        resolver=_name, description="Its name; null for one, such as a street, that is known by its code alone."
    )
    parent: Optional["Area"] = strawberry.field(
        resolver=_parent, description="The smallest known division that holds it; null for the largest."
    )
    children: list["Area"] = strawberry.field(
        resolver=_children, description="The known divisions right below it, in the order of their codes."
    )

    @classmethod
    def of(cls, area: areas.Area) -> "Area":
        return cls(code=area.code, inner=area)

    @classmethod
    def coded(cls, code: str | None) -> "Area | None":
        return None if code is None else cls.of(areas.area(code))


@strawberry.federation.type(
    description="单位: an organization that handles appeals, known by its name. Whatever else is told of it stands in "
    "a register that the hub pulls; where none has this name, it is null.",
    keys=["name"],
)
class Organization:
    name: str = strawberry.field(description="Its name, as sources say it.")

    async def _code(self, info: Info) -> str | None:
        found = await _entry(info, self.name)
        return found.external_id if found else None

    async def _kind(self, info: Info) -> str | None:
        found = await _entry(info, self.name)
        return found.kind if found else None

    async def _parent(self, info: Info) -> Optional["Organization"]:
        found = await _entry(info, self.name)
        above = await info.context.entries.load((found.register, found.parent)) if found and found.parent else None
        return Organization(name=above.name) if above else None

    async def _area(self, info: Info) -> Area | None:
        found = await _entry(info, self.name)
        return Area.coded(found.area) if found else None

    async def _address(self, info: Info) -> str | None:
        found = await _entry(info, self.name)
        return found.location_address if found else None

    async def _active(self, info: Info) -> bool | None:
        found = await _entry(info, self.name)
        return found.active if found else None

    async def _register(self, info: Info) -> str | None:
        found = await _entry(info, self.name)
        return found.register if found else None

    code: str | None = strawberry.field(resolver=_code, description="Its id in the register.")
    kind: str | None = strawberry.field(resolver=_kind, description="What sort of organization it is.")
    parent: Optional["Organization"] = strawberry.field(resolver=_parent, description="The organization above it.")
    area: Area | None = strawberry.field(resolver=_area, description="The division that it works in.")
    address: str | None = strawberry.field(resolver=_address, description="Where it is.")
    active: bool | None = strawberry.field(resolver=_active, description="Whether it still exists.")
    register: str | None = strawberry.field(
        resolver=_register, description="The register that it stands in, by its `Source.name`."
    )

    @classmethod
    def named(cls, name: str | None) -> "Organization | None":
        return None if name is None else cls(name=name)


async def _entry(info: Info, name: str) -> model.Entry | None:
    return await info.context.entries_named.load(name)


@strawberry.type(description="附件: a photo or a file that belongs to an appeal. The hub keeps no copy of it.")
class Attachment:
    text: str = strawberry.field(description="Where it is, as the source says it.")
    url: str | None = strawberry.field(
        description="The same as an address that is safe to follow, http or https; null where it is none."
    )
    name: str = strawberry.field(description="Its file name, or `text` where that holds none.")
    media_type: str | None = strawberry.field(
        description="What its name says it is, such as `image/jpeg`; null where that says nothing."
    )

    @classmethod
    def of(cls, text: str) -> "Attachment":
        return cls(text=text, url=safe_url(text), name=file_name(text), media_type=media_type(text))


def safe_url(text: str) -> str | None:
    """An address of the web; None for any other, such as `javascript:`, that must not be followed unseen."""
    return text if text.lower().startswith(("http://", "https://")) else None


def file_name(text: str) -> str:
    """The last part of an address's path; the text itself where there is none."""
    return unquote(_path(text).rstrip("/").rpartition("/")[2]) or text


def media_type(text: str) -> str | None:
    """What a file's name says about what is in it."""
    return _MEDIA.guess_type(file_name(text), strict=False)[0]


# Not those of the machine's own list, which differs from machine to machine.
_MEDIA = mimetypes.MimeTypes()
for _kind, _ending in (("image/webp", ".webp"), ("image/heic", ".heic"), ("audio/amr", ".amr"), ("video/mp4", ".mp4")):
    _MEDIA.add_type(_kind, _ending, strict=False)


def _path(text: str) -> str:
    try:
        return urlsplit(text).path
    except ValueError:  # such as `http://[`
        return text
