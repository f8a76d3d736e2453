"""The subgraph that Apollo's compatibility suite asks for, over the very machinery that serves the hub.

Schema and rows are the suite's own: products.graphql and COMPATIBILITY.md of apollo-federation-subgraph-compatibility.
"""

from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.federation.schema_directive import schema_directive
from strawberry.schema_directive import Location

from hub.schema.callers import Callers
from hub.schema.documents import Documents
from hub.schema.endpoint import Endpoint
from hub.schema.execution import Execution
from hub.schema.executor import Executor
from hub.schema.federation import Representation, Subgraph
from hub.schema.limits import Limits


@schema_directive(
    locations=[Location.OBJECT],
    name="custom",
    compose=True,
    import_url="https://myspecs.dev/myCustomDirective/v1.0",
)
class Custom: ...


@strawberry.type
class ProductVariation:
    id: strawberry.ID


@strawberry.type
class CaseStudy:
    case_number: strawberry.ID
    description: str | None


@strawberry.federation.type(keys=["study { caseNumber }"])
class ProductResearch:
    study: CaseStudy
    outcome: str | None = None


@strawberry.federation.type(shareable=True)
class ProductDimension:
    size: str | None
    weight: float | None
    unit: str | None = strawberry.federation.field(inaccessible=True)


@strawberry.federation.type(keys=["email"], extend=True)
class User:
    email: strawberry.ID = strawberry.federation.field(external=True)
    name: str | None = strawberry.federation.field(override="users", default="Jane Smith")
    total_products_created: int | None = strawberry.federation.field(external=True, default=1337)
    years_of_employment: int = strawberry.federation.field(external=True, default=10)

    @strawberry.federation.field(requires=["totalProductsCreated", "yearsOfEmployment"])
    def average_products_created_per_year(self) -> int | None:
        if self.total_products_created is None:
            return None
        return round(self.total_products_created / self.years_of_employment)


@strawberry.federation.type(keys=["sku package"])
class DeprecatedProduct:
    sku: str
    package: str
    reason: str | None
    created_by: User | None


@strawberry.federation.type(keys=["id", "sku package", "sku variation { id }"], directives=[Custom()])
class Product:
    id: strawberry.ID
    sku: str | None
    package: str | None
    variation: ProductVariation | None
    dimensions: ProductDimension | None
    created_by: User | None = strawberry.federation.field(provides=["totalProductsCreated"])
    research: list[ProductResearch]
    notes: str | None = strawberry.federation.field(tags=["internal"], default=None)


@strawberry.federation.type(keys=["id"], is_interface_object=True)
class Inventory:
    id: strawberry.ID
    deprecated_products: list[DeprecatedProduct]


JANE = User(email=strawberry.ID("support@apollographql.com"))
DEPRECATED = DeprecatedProduct(
    sku="apollo-federation-v1",
    package="@apollo/federation-v1",
    reason="Migrate to Federation V2",
    created_by=JANE,
)
RESEARCH = [
    ProductResearch(study=CaseStudy(case_number=strawberry.ID("1234"), description="Federation Study")),
    ProductResearch(study=CaseStudy(case_number=strawberry.ID("1235"), description="Studio Study")),
]
SMALL = ProductDimension(size="small", weight=1, unit="kg")


def product(name: str, package: str, variation: str, research: ProductResearch) -> Product:
    return Product(
        id=strawberry.ID(f"apollo-{name}"),
        sku=name,
        package=package,
        variation=ProductVariation(id=strawberry.ID(variation)),
        dimensions=SMALL,
        created_by=JANE,
        research=[research],
    )


PRODUCTS = [
    product("federation", "@apollo/federation", "OSS", RESEARCH[0]),
    product("studio", "", "platform", RESEARCH[1]),
]


@strawberry.type(name="Query")
class Query:
    @strawberry.field
    def product(self, id: strawberry.ID) -> Product | None:  # noqa: A002  # the suite's name
        return next((one for one in PRODUCTS if one.id == id), None)

    @strawberry.field(deprecation_reason="Use product query instead")
    def deprecated_product(self, sku: str, package: str) -> DeprecatedProduct | None:
        return DEPRECATED if (sku, package) == (DEPRECATED.sku, DEPRECATED.package) else None


Find = Callable[[Any, Sequence[Representation]], Awaitable[Sequence[Any]]]


def among(rows: Sequence[Any]) -> Find:
    """Find the rows that agree with all that a representation says."""

    async def find(_: Any, wanted: Sequence[Representation]) -> Sequence[Any]:
        return [next((row for row in rows if agrees(row, one)), None) for one in wanted]

    return find


def agrees(row: Any, said: Any) -> bool:
    if not isinstance(said, dict):
        return bool(row == said)
    names = {"caseNumber": "case_number"}
    return all(agrees(getattr(row, names.get(key, key)), value) for key, value in said.items() if key != "__typename")


async def users(_: Any, wanted: Sequence[Representation]) -> Sequence[User]:
    """Users are another subgraph's: what it says of one is taken as it is."""
    return [
        User(
            email=one["email"],
            total_products_created=one.get("totalProductsCreated", JANE.total_products_created),
            years_of_employment=one.get("yearsOfEmployment", JANE.years_of_employment),
        )
        for one in wanted
    ]


async def inventories(_: Any, wanted: Sequence[Representation]) -> Sequence[Inventory]:
    return [Inventory(id=one["id"], deprecated_products=[DEPRECATED]) for one in wanted]


def app() -> Starlette:
    schema = Subgraph(
        Query,
        types=[Inventory, ProductResearch, User],
        find={
            "Product": among(PRODUCTS),
            "DeprecatedProduct": among([DEPRECATED]),
            "ProductResearch": among(RESEARCH),
            "User": users,
            "Inventory": inventories,
        },
        execution_context_class=Executor,
    )
    nothing: Any = SimpleNamespace()
    limits = Limits()
    execution = Execution(nothing, nothing, limits, production=True, subgraph=True, of=schema)
    return Starlette(routes=[Route("/", Endpoint(execution, Documents(), Callers(limits)))])
