"""Tables in files: every row is found, whatever its place and length, and nothing else is."""

from agent.packed import SUFFIX, Packed, open_table
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


# tools/release/pack.py made it of P0301 to P0306 "Cylinder n: misfire" and U0100 "No
# communication", in seven sections.
PACKED = bytes.fromhex(
    "000700004105503033303100005d0550303330320000790550303330330000950550303330340000b1055030333035"
    "0000cd0550303330360000e90555303130300b303036305470aeccc9cc4b492d5230b452c8cd2c4ecb2c4ae502000b"
    "303036305270aeccc9cc4b492d5230b252c8cd2c4ecb2c4ae502000b303036305670aeccc9cc4b492d5230b652c8cd"
    "2c4ecb2c4ae502000b303036305170aeccc9cc4b492d5230b152c8cd2c4ecb2c4ae502000b303036305570aeccc9cc"
    "4b492d5230b552c8cd2c4ecb2c4ae502000b303036305370aeccc9cc4b492d5230b352c8cd2c4ecb2c4ae502000b35"
    "30343050f0cb5748cecfcd2dcdcb4c4e2cc9cccfe30200"
)


def packed(data):
    path = temporary("packed")
    with open(path + SUFFIX, "wb") as f:
        f.write(data)
    return path


def test_a_packed_table_is_looked_up_like_any_other():
    path = packed(PACKED)
    table = open_table(path)
    assert isinstance(table, Packed)
    for n in range(1, 7):
        assert table.find("P030%d" % n) == "Cylinder %d: misfire" % n
    assert table.find("U0100") == "No communication"
    for key in ("", "A", "P0300", "P0307", "P030", "P03011", "U0101", "#"):
        assert table.find(key) is None, key
    rows = list(table.rows("P"))
    assert rows == [("P030%d" % n, "Cylinder %d: misfire" % n) for n in range(1, 7)]
    assert table.where(1, "No") == ["U0100", "No", "communication"]
    with open(path, "w") as f:  # the text itself is asked first
        f.write("P0301 another\n")
    assert open_table(path).find("P0301") == "another"
    remove(path)
    remove(path + SUFFIX)


def test_a_packed_table_that_is_damaged_says_so():
    for data in (b"\x00\x02\x00", PACKED[:0x41] + b"\xff" * 40):
        path = packed(data)
        try:
            open_table(path).find("P0301")
        except OSError:
            continue
        finally:
            remove(path + SUFFIX)
        raise AssertionError("no error")


def test_a_missing_file_says_so():
    try:
        open_table("/no/such/table.txt").find("A")
    except OSError:
        return
    raise AssertionError("no error")


def test_beside():
    assert beside("/a/b/c.py", "x.txt") == "/a/b/x.txt" and beside("c.py", "x.txt") == "x.txt"
