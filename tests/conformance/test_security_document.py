"""docs/security.md names the test that holds each promise: each of them is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = sorted(
    set(re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", (ROOT / "docs/security.md").read_text()))
)
FOLDERS = ("unit", "integration", "conformance", "faults")


def test_the_document_names_tests():
    assert len(NAMED) > 40


@pytest.mark.parametrize(("file", "test"), NAMED, ids="::".join)
def test_a_named_test_is_there(file, test):
    found = [ROOT / "tests" / folder / file for folder in FOLDERS]
    found = [path for path in found if path.is_file()]
    assert len(found) == 1, f"{file}: in {len(found)} folders"
    assert not test or f"\ndef {test}(" in found[0].read_text()
