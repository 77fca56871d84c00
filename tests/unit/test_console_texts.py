"""agent/console/texts.txt: complete, sorted, short; what a terminal cannot show it is not sent."""

from agent.console import texts as module
from agent.console.texts import LANGUAGES, Texts
from agent.tables import MAX_LINE, Table, beside

PATH = beside(module.__file__, "texts.txt")
FAULTS = beside(module.__file__, "selftest.py")


def keys():
    return [key for key, _ in Table(PATH).rows()]


def test_rows_are_sorted_and_fit_into_a_read():
    with open(PATH, "rb") as f:
        lines = f.read().split(b"\n")
    found = [line.split(b" ")[0] for line in lines if line and line[:1] != b"#"]
    assert found == sorted(found) and len(set(found)) == len(found)
    assert max([len(line) for line in lines]) < MAX_LINE


def test_each_text_is_there_in_each_language():
    names = {}
    for key in keys():
        name, _, language = key.rpartition(".")
        names.setdefault(name, []).append(language)
    for name, languages in names.items():
        assert sorted(languages) == sorted(LANGUAGES), name
    assert len(names) > 150


def test_values_have_their_places_in_each_language():
    english = {}
    for key, text in Table(PATH).rows():
        name, _, language = key.rpartition(".")
        english.setdefault(name, {})[language] = text.count("%s")
    for name, counts in english.items():
        assert len(set(counts.values())) == 1, name


def test_every_fault_of_the_self_test_has_a_name_and_a_remedy():
    with open(FAULTS) as f:
        pieces = f.read().replace("WARN, ", "FAIL, ").split('FAIL, "')[1:]
    faults = set([piece.split('"')[0] for piece in pieces])
    assert len(faults) >= 25
    found = keys()
    for fault in faults:
        for language in LANGUAGES:
            assert "f.%s.%s" % (fault, language) in found
            assert "d.%s.%s" % (fault, language) in found


def test_every_command_is_explained_in_each_language():
    from agent.console import commands

    found = keys()
    for row in commands.rows():
        for language in LANGUAGES:
            assert "c.%s.%s" % (row[0], language) in found, row[0]


def test_a_terminal_without_accents():
    assert Texts("fr").get("answer") == "reponse :"
    assert Texts("fr", "utf-8").get("answer") == "r\xe9ponse :"


def test_arabic_in_latin_letters_where_there_are_no_others():
    battery = "\u0627\u0644\u0628\u0637\u0627\u0631\u064a\u0629"
    assert Texts("ar", "utf-8").get("l.battery") == battery
    assert Texts("ar").get("l.battery") == "albtarya"
    for key in keys():
        if key[-3:] == ".ar":
            text = Texts("ar").get(key[:-3])
            asked = Texts("ar", "utf-8").get(key[:-3]).count("\u061f")
            assert text.count("?") == asked and all([ord(c) < 127 for c in text]), text


def test_what_is_missing_falls_back():
    texts = Texts("fr")
    assert texts.get("no such text") == "no such text"
    assert texts.get("found", 3) == "3 parties demandent attention"
