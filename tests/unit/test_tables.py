"""Tables in files: every row is found, whatever its place and length, and nothing else is."""

from agent.tables import BLOCK, MAX_LINE, Table, beside
from tests.support.files import remove_all as remove
from tests.support.files import temporary


def written(name, text):
    path = temporary(name)
    with open(path, "w") as f:
        f.write(text)
    return path


def check(name, rows, head=""):
    path = written(name, head + "".join(["%s %s\n" % row for row in rows]))
    table = Table(path)
    for key, rest in rows:
        assert table.find(key) == rest, key
    assert list(table.rows()) == rows
    keys = [row[0] for row in rows]
    for key in ("", "A", "0", "zzzz", "P0300", "P030", "P03001", "#"):
        if key not in keys:
            assert table.find(key) is None, key
    remove(path)


def test_every_row_of_files_of_every_size():
    for count in range(30):
        check("size", [("K%03d" % n, "x" * (n * 7 % 23)) for n in range(count)])


def test_long_lines_and_comments():
    longest = "y" * (MAX_LINE - 6)
    check("long", [("K%03d" % n, longest) for n in range(20)], "# one\n# two " + "z" * 60 + "\n")
    check("mixed", [("K%03d" % n, longest if n % 3 else "") for n in range(50)])
    assert 2 * MAX_LINE <= BLOCK


def test_many_rows():
    rows = [("P%04X" % (n * 3), "text %d" % n) for n in range(3000)]
    check("many", rows)


def test_rows_that_begin_so_and_columns():
    path = written("hold", "# head\nA1 one\nA2 two three\nB1 three\n")
    table = Table(path)
    assert list(table.rows("A")) == [("A1", "one"), ("A2", "two three")]
    assert table.where(2, "three") == ["A2", "two", "three"]
    assert table.where(1, "three") == ["B1", "three"] and table.where(0, "B1") == ["B1", "three"]
    assert table.where(1, "tw") is None and table.where(3, "two") is None
    assert table.where(1, "head") is None
    remove(path)


def test_a_missing_file_says_so():
    try:
        Table("/no/such/table.txt").find("A")
    except OSError:
        return
    raise AssertionError("no error")


def test_beside():
    assert beside("/a/b/c.py", "x.txt") == "/a/b/x.txt" and beside("c.py", "x.txt") == "x.txt"
