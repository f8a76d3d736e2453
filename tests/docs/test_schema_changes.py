"""What was promised to clients is kept, or the version says that it is not."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT

RELEASED = "# As released with hub {version}.\ntype Query {{ appeal(id: ID!): Appeal }}\n{types}"
BEFORE = "type Appeal { id: ID!  leadOrg: String  status: Status! }\nenum Status { OPEN  CLOSED }"


def compare(folder: Path, after: str, *, since: str = "1.2.0", now: str = "1.3.0") -> tuple[int, str]:
    """Hold a schema against BEFORE; gives the exit code and what was said."""
    (folder / "released.graphql").write_text(RELEASED.format(version=since, types=BEFORE))
    (folder / "schema.graphql").write_text(RELEASED.format(version=now, types=after))
    return run(folder, "--version", now)


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    files = ["--schema", str(folder / "schema.graphql"), "--released", str(folder / "released.graphql")]
    done = subprocess.run(
        [sys.executable, "docs/schema_changes.py", *files, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_break_fails_and_says_how_to_mend_it(tmp_path: Path) -> None:
    code, said = compare(tmp_path, BEFORE.replace("leadOrg: String", "leadOrg: Int"))

    assert code == 1
    assert said.startswith("breaking since 1.2.0: Field Appeal.leadOrg changed type from String to Int.\n")
    assert "deprecation_reason" in said
    assert "go to version 2.0.0" in said


@pytest.mark.parametrize(
    "after",
    [
        BEFORE.replace("leadOrg: String", ""),
        BEFORE.replace("status: Status!", "status: Status"),
        BEFORE.replace("CLOSED", ""),
        BEFORE.replace("leadOrg:", "leadOrg(code: String!):"),
    ],
)
def test_every_way_to_break_a_client_fails(tmp_path: Path, after: str) -> None:
    assert compare(tmp_path, after)[0] == 1


def test_a_field_more_is_no_word_worth(tmp_path: Path) -> None:
    assert compare(tmp_path, BEFORE.replace("leadOrg:", "more: Int  leadOrg:")) == (0, "")


def test_what_may_surprise_a_client_is_told_and_passes(tmp_path: Path) -> None:
    code, said = compare(tmp_path, BEFORE.replace("OPEN", "OPEN  REOPENED"))

    assert (code, said) == (0, "dangerous since 1.2.0: Enum value Status.REOPENED was added.\n")


@pytest.mark.parametrize(
    ("since", "now", "code"),
    [("1.2.0", "2.0.0", 0), ("0.1.4", "0.2.0", 0), ("0.1.0", "0.1.1", 1), ("1.2.0", "1.9.0", 1), ("2.0.0", "1.9.0", 1)],
)
def test_only_a_new_series_may_break(tmp_path: Path, since: str, now: str, code: int) -> None:
    assert compare(tmp_path, BEFORE.replace("leadOrg: String", ""), since=since, now=now)[0] == code


def test_a_release_moves_what_is_promised(tmp_path: Path) -> None:
    compare(tmp_path, BEFORE.replace("leadOrg: String", ""), now="2.0.0")

    released = run(tmp_path, "--release", "--version", "2.0.0")
    again = compare_again(tmp_path, BEFORE)

    assert released == (0, "")
    assert again == (0, "")


def compare_again(folder: Path, after: str) -> tuple[int, str]:
    (folder / "schema.graphql").write_text(RELEASED.format(version="2.0.1", types=after))
    return run(folder, "--version", "2.0.1")


def test_the_schema_keeps_what_was_released() -> None:
    done = subprocess.run(
        [sys.executable, "docs/schema_changes.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert (DOCS / "reference" / "schema.released.graphql").exists()
