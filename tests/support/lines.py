"""A log that only gathers, for unit tests on both interpreters."""


class Lines:
    def __init__(self):
        self.lines = []

    def line(self, now, text):
        self.lines.append(text)
