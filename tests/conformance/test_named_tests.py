"""Documents and the table of attacks name the test that holds each promise: each of them is there,
as pytest itself finds it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security.table import HELD, RUN

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("docs/security.md", "docs/update.md")
FOLDERS = ("unit", "integration", "conformance", "faults", "fuzz", "security")
_NAME = re.compile(r"`(?:tests/(?:\w+/)+)?(test_\w+\.py)(?:::(test_\w+))?`")


def named(document):
    """Sorted (file, test or "") of a document."""
    return sorted(set(_NAME.findall((ROOT / document).read_text())))


NAMED = [(document, *names) for document in DOCUMENTS for names in named(document)]
NAMED += [
    ("table of attacks", *re.fullmatch(r"tests/\w+/(test_\w+\.py)::(test_\w+)", test).groups())
    for _, _, test in HELD
]


@pytest.fixture(scope="module")
def collected():
    """{file: {tests that pytest finds in it}}, of all files that are named."""
    found = {}
    for file in {file for _, file, _ in NAMED}:
        paths = [ROOT / "tests" / folder / file for folder in FOLDERS]
        paths = [path for path in paths if path.is_file()]
        assert len(paths) == 1, f"{file}: in {len(paths)} folders"
        found[file] = paths[0].relative_to(ROOT)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o", "addopts=",
         "-p", "no:cacheprovider", *sorted(map(str, found.values()))],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    tests = {file: set() for file in found}
    for file, test in re.findall(r"^tests/\w+/(test_\w+\.py)::(test_\w+)", done.stdout, re.M):
        tests[file].add(test)
    return tests


def test_the_documents_and_the_table_name_tests():
    assert len(named(DOCUMENTS[0])) > 40 and len(named(DOCUMENTS[1])) > 10
    assert len(HELD) > 10 and len(RUN) > 40


def test_no_name_is_written_in_a_way_that_is_not_looked_at():
    for document in DOCUMENTS:
        text = (ROOT / document).read_text()
        assert len(re.findall(r"test_\w+\.py", text)) == len(_NAME.findall(text)), document


@pytest.mark.parametrize(("where", "file", "test"), NAMED, ids=lambda part: part)
def test_a_named_test_is_there(collected, where, file, test):
    assert collected[file] and (not test or test in collected[file])
