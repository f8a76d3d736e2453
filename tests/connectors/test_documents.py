"""GraphQL documents without their schema: what is wrong with one, what it declares, and what it selects."""

import pytest

from hub.connectors.documents import Flaw, Flawed, operation

LIST = """
query Tickets($first: Int! = 50, $ids: [ID!]!, $after: String) {
  list: tickets(first: $first, ids: $ids, after: $after) {
    ...Paged
    nodes { number, extra }
  }
}
query Other { me { name } }
fragment Paged on Connection { pageInfo { hasNextPage } ... on Connection { pageInfo { endCursor } } }
"""


def flaws(text: str, name: str | None = None) -> list[Flaw]:
    with pytest.raises(Flawed) as caught:
        operation(text, name)
    return list(caught.value.flaws)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("{\n  a {\n", 3, "Syntax Error: Expected Name, found <EOF>"),
        ('{\n  a(b: "c)\n}', 2, "Syntax Error: Unterminated string"),
        ("", 1, "Syntax Error: Unexpected <EOF>"),
        ("{\n  a\n  b(c: $d)\n}", 3, "Variable '$d' is not defined"),
        ("query ($a: Int,\n  $b: Int) { c(d: $a) }", 2, "Variable '$b' is never used"),
        ("{\n ...F }", 2, "Unknown fragment 'F'"),
        ("{ ...F }\nfragment F on T { ...G }\nfragment G on T { ...F }", 2, "Cannot spread fragment 'F' within itself"),
        ("{ a(b: 1,\n b: 2) }", 1, "There can be only one argument named 'b'"),
        ("query A { a }\nquery A { a }", 1, "There can be only one operation named 'A'"),
        ("fragment F on T { a }", 1, "Fragment 'F' is never used"),
        ("type Query { a: Int }", 1, "The 'Query' definition is not executable"),
        ("\nsubscription S { a }", 2, "a subscription is never sent: sources are only read by queries"),
        ("{ a" * 3000 + "}" * 3000, 1, ""),
        ("{ a }" + " # x" * 9 + "\n,{ b }", 1, "This anonymous operation must be the only defined operation"),
    ],
)
def test_a_document_that_no_service_would_take_says_where(text, line, message):
    first = flaws(text)[0]

    assert first.line == line
    assert first.message.startswith(message)


def test_a_document_beyond_all_measure_is_not_read():
    assert "more than 20000 tokens" in flaws("{ a" + " a" * 100_000 + "}")[0].message


def test_an_operation_is_chosen_by_its_name():
    assert operation(LIST, "Other").selection == {"me": {"name": {}}}
    assert flaws(LIST)[0].message == "the document holds 2 operations; choose one by `operation`: Tickets, Other"
    assert flaws(LIST, "Ticket")[0].message == "the document holds no operation 'Ticket'; did you mean 'Tickets'?"


def test_variables_know_their_type_and_whether_they_must_be_given():
    variables = operation(LIST, "Tickets").variables

    found = {name: (each.type, each.declared, each.is_required, each.line) for name, each in variables.items()}
    assert found == {
        "first": ("Int", "Int!", False, 2),
        "ids": ("ID", "[ID!]!", True, 2),
        "after": ("String", "String", False, 2),
    }


def test_what_fragments_and_aliases_select_is_found_under_the_names_of_the_answer():
    found = operation(LIST, "Tickets")

    assert found.selection == {
        "list": {"pageInfo": {"hasNextPage": {}, "endCursor": {}}, "nodes": {"number": {}, "extra": {}}}
    }
    assert found.connections() == ["data.list"]


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("data.list.nodes", None),
        ("data.list.nodes.extra.anything.below.a.scalar", None),
        ("extensions.cost", None),
        ("data.list.edges[].node", None),
        ("data.tickets", ("tickets", ["list"])),
        ("list.nodes", ("list", ["data", "errors", "extensions"])),
        ("data.list.pageInfo.next", ("next", ["hasNextPage", "endCursor"])),
    ],
)
def test_a_path_that_leads_nowhere_is_noticed_before_anything_is_asked(path, wrong):
    assert operation(LIST, "Tickets").unselected(path) == wrong
