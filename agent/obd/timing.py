"""How long an adapter without the frame-count digit has to wait for ECUs, learned by measuring.

Such an adapter waits out ATST after the last frame: 200 ms where this car may need 30. Once the
slowest of some answers is known, ATST is set to twice that. When answers go missing it goes back to
the adapter's default, and later attempts leave more room; after a few the default stays.
"""

_UNIT_US = 4096  # of ATST
SAMPLES = 16  # answers that are measured before anything is changed
_SHORTEST_MS = 24
_USUAL_MS = 200  # what a reset leaves
_WORTH_MS = 150  # only a wait below this is worth a change
TROUBLES = 3  # answers with something missing until the default comes back
ATTEMPTS = 3


class Timing:
    def __init__(self):
        self._attempts = 0
        self.restart()

    def restart(self):
        """The adapter has its default again, or another car."""
        self.wait_ms = None  # None: the default
        self._samples = 0
        self._slowest = 0
        self._troubles = 0

    def answered(self, latency):
        """A complete answer came `latency` ms after its request."""
        self._troubles = 0
        self._samples += 1
        if latency > self._slowest:
            self._slowest = latency

    def missed(self):
        """Something was missing in an answer that was complete before."""
        if self.wait_ms is not None:
            self._troubles += 1

    def wanted(self):
        """Units for ATST that are due now (0: the default), or None."""
        if self.wait_ms is not None:
            if self._troubles < TROUBLES:
                return None
            self._attempts += 1
            self.restart()
            return 0
        if self._samples < SAMPLES or self._attempts >= ATTEMPTS:
            return None
        wait = max(_SHORTEST_MS, self._slowest * (2 + self._attempts))
        self._samples = self._slowest = 0
        if wait > _WORTH_MS:
            return None
        self.wait_ms = wait
        return (wait * 1000 + _UNIT_US - 1) // _UNIT_US
