"""The report of a visit: what it holds, that nothing in it is markup from outside, and the PDF."""

import html.parser
import re
import subprocess

import pytest

from tests.support.console_answers import faulty, healthy, parts
from tests.support.console_client import Script
from tools.console import Refused, pdf, report
from tools.console.report_page import page
from tools.console.visit import Visit

NAME = "الحسين Benaïssa, Équipe Été"


def visit(answers, technician=NAME):
    found = Visit("/dev/ttyUSB0", technician, began=1_770_000_000)
    report.collect(Script(answers).connect(), found, clock=lambda: 5.0, wall=lambda: 1_770_000_300)
    return found


class Reader(html.parser.HTMLParser):
    """Elements with their attributes, and the text between them."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def test_a_car_with_faults_is_told_whole():
    text = Reader(page(visit(faulty()))).text
    for words in (
        "Report of the visit: v-casa0042", NAME, "VF1RFB00X56789012", "237102N40A", "1791BC82",
        "STN1110 v4.0.4", "ISO 15765-4 CAN, 11 bit, 500 kbit/s", "4 ( 2 stored)".replace("( ", "("),
        "P0133 stored 7E8 Oxygen sensor, bank 1 sensor 1: slow response",
        "P0420 pending 7E8 Catalyst", "P1234 permanent 7E8 the maker's own code",
        "P0133 Oxygen sensor, bank 1 sensor 1: slow response, ECU 7E8", "rpm 1726 rpm",
        "coolant 88 celsius", "ECU 7E8: lamp on, 2 codes", "catalyst incomplete",
        "33.595060 N 7.618800 W", "degraded: hdop", "waiting", "214 frames", "0.1.0, micropython",
        "u-blox M10", "tls: certificate has expired", "11.6", "Charge it before anything else",
        "power fail - the battery has 11.6 V", "not run again", "siren on, for 41 s",
        "Everything that was asked for was had", "date, signature", "For the fleet",
    ):  # fmt: skip
        assert words in text, (words, text)
    failed, passed = text.index("FAILED"), text.index("passed")
    assert failed < passed  # failed tests come first


def test_a_car_that_is_well_says_so():
    text = Reader(page(visit(healthy()))).text
    for words in ("The car has no trouble codes", "all well", "There is no freeze frame", "none"):
        assert words in text
    assert "No command was given" in text


def test_self_tests_before_and_after_stand_side_by_side():
    seen = visit(faulty())
    seen.take(("answer", "dtc clear", None, 2.0, True), 20, 1_770_000_400)
    seen.take(("answer", "selftest", parts(), 0.2, True), 30, 1_770_000_500)
    seen.take(("refused", "restart", "restart takes the role danger", 0.1, True), 31, 1_770_000_501)
    text = Reader(page(seen)).text
    assert "power fail ok is well" in text and "all well" in text
    assert re.search(r"\d\d:\d\d:\d\d dtc clear done 2.0 s", text)
    assert "restart refused: restart takes the role danger 0.1 s" in text


def test_what_was_not_had_is_said_with_the_reason():
    answers = healthy()
    answers["dtc"] = Refused("dtc: the car does not answer now")
    del answers["time"]
    text = Reader(page(visit(answers))).text
    assert text.count("dtc: the car does not answer now") == 2 and "no command time" in text
    assert "not read" in text and "no trouble codes" not in text


HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><style>*{display:none}",
    "</td></tr></table>", "&lt;b&gt;", "<!--", "]]>", "javascript:alert(1)", "'\"`",
    "\u202eexe.\u2066",
    "\x00\x08\x1b[2J\x9b", "{{7*7}}", "<\u200bscript>", "\ud800",
)  # fmt: skip


def _spoilt(value, text):
    """The same data with every text, and every name, made hostile."""
    if isinstance(value, dict):
        return {key: _spoilt(item, text) for key, item in value.items()} | {text: text}
    if isinstance(value, list):
        return [_spoilt(item, text) for item in value] + [text]
    return text if isinstance(value, str) else value


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_from_outside_becomes_markup(text):
    kept = ("vehicle", "id", "part", "fault")
    plain = {name for name, _ in Reader(page(visit(faulty()))).elements}
    seen = visit(_spoilt(faulty(), text), technician=text)
    seen.take(("answer", text, text, 1.0, True), 1, 1_770_000_400)
    seen.take(("refused", text + "x", text, 1.0, True), 1, 1_770_000_400)
    seen.take(("line", "lost", text), 1, 1_770_000_400)
    made = page(seen)
    found = Reader(made)
    assert kept and {name for name, _ in found.elements} <= plain
    for _, attributes in found.elements:
        assert set(attributes) <= {
            "class", "dir", "scope", "lang", "charset", "name", "content", "http-equiv",
        }  # fmt: skip
        assert text not in [v for k, v in attributes.items() if k != "content"]
    for c in "\x00\x08\x1b\x9b\u202e\u2066\u200b\ud800":
        assert c not in made
    made.encode("utf-8")
    if text.startswith("<script"):
        assert text in found.text  # shown as it is


def test_every_cell_finds_its_own_direction_and_nothing_is_fetched():
    text = page(visit(faulty()))
    elements = Reader(text).elements
    assert [1 for tag, a in elements if tag == "td"] and all(
        a.get("dir") == "auto" for tag, a in elements if tag == "td"
    )
    assert ("bdi", {}) in elements and '<meta charset="utf-8">' in text
    policies = [a["content"] for tag, a in elements if "http-equiv" in a]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert not re.search(r"https?:|url\(|@import|src=|href=", text)


def test_a_long_visit_stays_a_report():
    answers = faulty()
    answers["dtc"]["ecus"][0]["stored"] = [f"P{n:04d}" for n in range(5000)]
    seen = visit(answers)
    for n in range(2000):
        seen.take(("answer", f"events {n}", [], 0.1, True), n, 1_770_000_000 + n)
    text = page(seen)
    assert len(text) < 400_000 and Reader(text).text.count("more are in the session's file") == 2


def test_the_page_is_its_owners_alone_and_a_folder_that_is_not_there_is_told(tmp_path):
    lines = report.write(visit(faulty()), tmp_path / "visit.html", with_pdf=False)
    assert lines == [f"report: {tmp_path / 'visit.html'}"]
    assert (tmp_path / "visit.html").stat().st_mode & 0o777 == 0o600
    with pytest.raises(report.ReportError, match="No such file"):
        report.write(visit(faulty()), tmp_path / "none" / "visit.html", with_pdf=False)


def test_without_a_browser_there_is_a_page_and_a_line_that_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATROL_CHROMIUM", "/nowhere/chromium")
    lines = report.write(visit(faulty()), tmp_path / "visit.html", with_pdf=True)
    assert lines[1] == "no PDF: " + pdf.HOW_TO_GET_IT and not (tmp_path / "visit.pdf").exists()


def test_a_browser_that_fails_or_writes_no_pdf_is_told(tmp_path, monkeypatch):
    program = tmp_path / "chromium"
    for body, why in (
        ("exit 3", "ended with code 3"),
        ("exit 0", "has written no visit.pdf"),
        ('for a; do case "$a" in --print-to-pdf=*) echo no >"${a#*=}";; esac; done', "is no PDF"),
    ):
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATROL_CHROMIUM", str(program))
        lines = report.write(visit(faulty()), tmp_path / "visit.html", with_pdf=True)
        assert lines[1].startswith("no PDF: ") and why in lines[1], lines


def test_the_pdf_is_a4_and_holds_the_texts(tmp_path):
    if pdf.find() is None:
        pytest.skip(pdf.HOW_TO_GET_IT)
    lines = report.write(visit(faulty()), tmp_path / "visit.html", with_pdf=True)
    assert lines[1] == f"report: {tmp_path / 'visit.pdf'}", lines
    data = (tmp_path / "visit.pdf").read_bytes()
    assert data.startswith(b"%PDF-") and (tmp_path / "visit.pdf").stat().st_mode & 0o777 == 0o600
    boxes = re.findall(rb"/MediaBox\s*\[([^\]]*)\]", data)
    width, height = [float(x) for x in boxes[0].split()[2:]]
    assert abs(width - 595) < 2 and abs(height - 842) < 2 and len(boxes) <= 6
    try:
        text = subprocess.run(
            ["pdftotext", "-layout", tmp_path / "visit.pdf", "-"], capture_output=True, text=True
        ).stdout
    except FileNotFoundError:
        return  # poppler-utils are for the schematics; the picture is looked at by people
    assert "P0133" in text and "Benaïssa" in text and "VF1RFB00X56789012" in text
