"""What the console says, in the language of the configuration; texts.txt beside this file.

A row of the file is `name.language text`: en English, fr French, ar Arabic. Texts are looked up in
the file and never kept. A terminal is taken to know ASCII only unless the configuration says
otherwise: accents are then left out, and Arabic is put into Latin letters, each by itself, without
the vowels that are not written: poor, and better than question marks.
"""

from agent.tables import Table, beside

LANGUAGES = ("en", "fr", "ar")
CHARSETS = ("ascii", "utf-8")
# Accented letters of the French texts, and what stands for each where the terminal has none.
_ACCENTED = "\xe0\xe2\xe7\xe8\xe9\xea\xeb\xee\xef\xf4\xf9\xfb\xfc\xc0\xc7\xc9\xca\xce\xd4"
_PLAIN = "aaceeeeiiouuuACEEIO"
_ARABIC = (
    "\u0627\u0623\u0625\u0622\u0628\u062a\u062b\u062c\u062d\u062e\u062f\u0630\u0631\u0632\u0633\u0634"
    "\u0635\u0636\u0637\u0638\u0639\u063a\u0641\u0642\u0643\u0644\u0645\u0646\u0647\u0648\u064a\u0649"
    "\u0629\u0621\u0624\u0626\u060c\u061b\u061f"
)
_LATIN = "a a i a b t th j h kh d dh r z s sh s d t z e gh f q k l m n h w y a a ' w y , ; ?"


class Texts:
    def __init__(self, language="en", charset="ascii"):
        self._is_ascii = charset == "ascii"
        self.language = language
        self._table = Table(beside(__file__, "texts.txt"))

    def get(self, name, *values):
        """The text, with the values put in for its "%s"; in English where the language lacks it,
        the name itself where nothing is there."""
        found = None
        for language in (self.language, "en"):
            try:
                found = self._table.find("%s.%s" % (name, language))
            except OSError:
                pass
            if found is not None:
                break
        found = name if found is None else found
        return self.fit(found % values if values else found)

    def fit(self, text):
        """A text as the terminal can show it."""
        if not self._is_ascii:
            return text
        for c in text:
            if ord(c) > 126:
                return "".join([_fit(c) for c in text])
        return text


def _fit(c):
    place = _ACCENTED.find(c)
    if place >= 0:
        return _PLAIN[place]
    place = _ARABIC.find(c)
    if place >= 0:
        return _LATIN.split(" ")[place]
    return c if ord(c) < 127 else "?"
