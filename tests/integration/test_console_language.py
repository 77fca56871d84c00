"""Screen and report in English, French and Arabic: every text is in the table, and is used."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.console.texts import LANGUAGES
from agent.obd import readiness
from tests.integration.test_console_report import Reader, visit
from tests.support.console_answers import faulty, healthy
from tests.support.console_client import Script
from tools.console import ConsoleError, Refused, language, pdf, report, visiting
from tools.console.answers_rows import _SOURCES, _VOLTAGES, GATEWAY
from tools.console.html import isolated
from tools.console.report_page import SECTIONS, page

FOLDER = Path(language.__file__).parent


def asked_for():
    """Texts that the code asks the table for, by the code."""
    found = {title for title, _ in SECTIONS} | {row[0] for row in GATEWAY}
    found |= {label for _, label in _VOLTAGES} | set(_SOURCES.values())
    found |= {*readiness.CONTINUOUS, *readiness.SPARK_MONITORS, *readiness.COMPRESSION_MONITORS}
    found -= {None}
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found |= _of_call(node)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                names = {getattr(target, "id", None) for target in node.targets}
                if names & {"name_shown", "unasked", "heading"} and node.value.value:
                    found.add(node.value.value)
    return found


def _of_call(node):
    of = {"t": slice(1), "_sentence": slice(1), "_heads": slice(None), "Binding": slice(2, 3),
          "Gauge": slice(1, 2), "Rows": slice(1, 2)}  # fmt: skip
    arguments = node.args[of[node.func.id]] if node.func.id in of else ()
    return {a.value for a in arguments if isinstance(a, ast.Constant)}


def test_every_text_is_there_in_each_language_and_sorted():
    lines = [x for x in language.PATH.read_text(encoding="utf-8").splitlines() if x[0] != "#"]
    keys = [line.split(" ")[0] for line in lines]
    assert keys == sorted(keys) and len(set(keys)) == len(keys)
    for english, row in language.table().items():
        assert set(row) == set(LANGUAGES), english
        assert len({text.count("%s") for text in row.values()}) == 1, english
        assert re.search("[\u0600-\u06ff]", row["ar"]) or english in ("GPS", "hdop"), english
    missing = asked_for() - set(language.table())
    assert not missing


def without_style(text):
    return re.sub("<style>.*</style>", "", text, flags=re.S)


@pytest.mark.parametrize("chosen", ("fr", "ar"))
def test_a_report_has_no_english_left(chosen):
    """But for what the standards and the car say."""
    seen = visit(faulty())
    seen.take(("answer", "dtc clear", None, 2.0, True), 20, 1_770_000_400)
    seen.take(("refused", "restart", "restart takes the role danger", 0.1, True), 31, 1_770_000_501)
    with language.using(chosen):
        made = Reader(without_style(page(seen)))
    english = Reader(without_style(page(seen))).text
    pieces = [re.sub("%s", " ", text).strip() for text in language.table() if " " in text.strip()]
    told = [text for text in pieces if text and "  " not in text and text in english]
    assert len(told) > 40
    # Names of the tests of service 06 and trouble codes' texts are the standards'.
    standards = {*readiness.SPARK_MONITORS, *readiness.COMPRESSION_MONITORS}
    told = [text for text in told if text not in standards and len(text) > 5]
    left = [text for text in told if re.search(rf"\b{re.escape(text)}\b", made.text)]
    own = {row[chosen] for row in language.table().values()}
    assert [text for text in left if text not in own] == [], made.text
    (html,) = [a for tag, a in made.elements if tag == "html"]
    assert html == {"lang": chosen, "dir": "rtl" if chosen == "ar" else "ltr"}
    wanted = {"fr": ("Rapport de visite : v-casa0042", "la batterie a 11.6 V", "Chargez-la d'abord",
                     "dégradée", "témoin allumé", "raté", "ÉCHEC", "refusé :"),
              "ar": ("تقرير الزيارة: v-casa0042", "جهد البطارية 11.6 فولت", "اشحنها أولا", "ضعيفة",
                     "المصباح مضاء", "فاشل", "رفض: restart")}  # fmt: skip
    for words in wanted[chosen]:
        assert words in made.text, (words, made.text)


def test_a_text_with_a_value_isolates_it():
    with language.using("ar"):
        made = page(visit(healthy()))
    assert "<bdi>/dev/ttyUSB0</bdi>" in made and "[dir=rtl] td" in made


def test_numbers_and_latin_words_among_arabic_ones_are_isolated():
    assert isolated("\u062d\u062a\u0649 2026-01-31") == "\u062d\u062a\u0649 <bdi>2026-01-31</bdi>"
    found = isolated("tls: it & that\u060c \u0642\u0628\u0644 9.0 s")
    assert found == "<bdi>tls: it &amp; that</bdi>\u060c \u0642\u0628\u0644 <bdi>9.0 s</bdi>"
    assert isolated("until 2026-01-31") == "until 2026-01-31"
    assert isolated("\u062d <b>x</b>") == "\u062d &lt;<bdi>b&gt;x&lt;/b</bdi>&gt;"


def test_the_foot_of_a_printed_page_is_in_the_language_as_well():
    with language.using("fr"):
        assert 'content: "Rapport de visite"' in page(visit(healthy()))


def test_an_arabic_report_is_printed(tmp_path):
    if pdf.find() is None:
        pytest.skip(pdf.HOW_TO_GET_IT)
    with language.using("ar"):
        lines = report.write(visit(faulty()), tmp_path / "visit.html", with_pdf=True)
    assert lines[1] == f"report: {tmp_path / 'visit.pdf'}", lines


class Access(visiting.Access):
    """A gateway that is a script."""

    def __init__(self, script):
        super().__init__("/dev/ttyUSB0", 115200)
        self._script = script

    def connect(self):
        first, self._first = self._first, None
        return first or self._script.connect()


def test_the_gateway_says_which_language_on_the_line_that_is_used_then():
    answers = {"config-get": {"key": "console.language", "value": "ar"}}
    script = Script(answers)
    access = Access(script)
    assert access.ask_language() == "ar"
    access.connect()
    assert script.opened == 1
    script.answers["config-get"] = Refused("config get: no key")
    assert Access(script).ask_language() == "en"
    script.cut()
    assert Access(script).ask_language() == "en"
    with pytest.raises(ConsoleError):
        Access(script).connect()


@pytest.mark.parametrize("wanted", (None, "fr"))
def test_an_option_goes_before_the_gateway_s_configuration(tmp_path, wanted):
    script = Script({**healthy(), "config-get": {"value": "ar"}})
    path = tmp_path / "visit.html"
    try:
        visiting.run_report(Access(script), path, language_=wanted)
    finally:
        language.use("en")
    assert f'lang="{wanted or "ar"}"' in path.read_text()


def test_no_other_language_is_taken(tmp_path):
    command = [sys.executable, "-m", "tools.cli", "console", "/nowhere", "--language", "de"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "en, fr, ar" in done.stderr


def test_a_screen_in_french_and_in_arabic():
    screen = pytest.importorskip("tests.integration.test_console_screen")

    for chosen, words, help_words in (
        ("fr", ("DIRECT", "3 problèmes", "témoin moteur ALLUMÉ", "Vitesse", "Autotest", "Aide"),
         ("autotest de la passerelle", "Échap ferme")),
        ("ar", ("مباشر", "3 مشاكل", "مصباح المحرك مضاء", "السرعة", "خروج"),
         ("اختبار البوابة", "Esc للإغلاق")),
    ):  # fmt: skip

        async def scenario(seen, words=words, help_words=help_words):
            await seen.until(*words)
            await seen.press("question_mark")
            await seen.until(*help_words)

        with language.using(chosen):
            screen.run(scenario, faulty(), size=(100, 34))
