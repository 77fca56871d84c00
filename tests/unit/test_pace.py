"""agent/comms/pace.py: the backlog's window on simulated links. Times are ms."""

from agent.comms.pace import TARGET_MS, Bucket, Window

FRAME = 330


class Radio:
    """A link of `rate` bytes/ms and a round trip; the window's frames wait in its queue."""

    def __init__(self, rate, trip, jitter=(0,)):
        self.rate = rate
        self.trip = trip
        self.jitter = jitter
        self.free = 0.0
        self.under_way = []  # (when the PUBACK is back, when it was sent)
        self.window = Window()
        self.carried = 0
        # A slow link's queue is never less than the least that may be under way.
        self.most = max(3 * TARGET_MS, 2 * 1460 / rate)
        self.over = 0  # ms with a longer queue
        self.count = 0

    def run(self, begin, end):
        for now in range(begin, end):
            while self.under_way and self.under_way[0][0] <= now:
                _, sent = self.under_way.pop(0)
                self.window.sample(now - sent, now)
                self.window.acked(FRAME, now)
                self.carried += FRAME
            self.window.fill(now)
            while self.window.is_open():
                self.free = max(self.free, now) + FRAME / self.rate
                self.count += 1
                late = self.jitter[self.count % len(self.jitter)]
                self.under_way.append((int(self.free + self.trip + late) + 1, now))
                self.window.sent(FRAME)
            if self.free - now > self.most:
                self.over += 1
        return self


def test_the_window_fills_the_link_and_hardly_its_queue():
    for rate, trip in ((125.0, 100), (30.0, 100), (125.0, 30), (125.0, 400), (5.0, 200)):
        radio = Radio(rate, trip).run(0, 10000)
        radio.carried = radio.over = 0
        radio.run(10000, 40000)
        assert radio.carried >= 0.85 * rate * 30000, (rate, trip, radio.carried)
        assert radio.over <= 300, (rate, trip, radio.over)


def test_a_jittering_link_is_still_used():
    radio = Radio(125.0, 100, (0, 8, 3, 15, 5, 1, 12)).run(0, 30000)
    assert radio.carried >= 0.6 * 125 * 30000


def test_its_own_queue_does_not_become_the_measure():
    # After many spans the shortest round trip is still the link's.
    radio = Radio(125.0, 100).run(0, 240000)
    assert radio.window.base <= 104
    radio.over = 0
    radio.run(240000, 260000)
    assert radio.over <= 200


def test_a_longer_way_is_learned_within_two_spans():
    radio = Radio(125.0, 50).run(0, 30000)
    radio.trip = 150
    radio.run(30000, 180000)
    radio.carried = 0
    radio.run(180000, 200000)
    assert radio.window.base > 140 and radio.carried >= 0.8 * 125 * 20000


def test_a_stall_halves_the_window_once_and_it_recovers():
    radio = Radio(125.0, 100).run(0, 10000)
    radio.free += 5000
    radio.run(10000, 20000)
    radio.carried = 0
    radio.run(20000, 30000)
    assert radio.carried >= 0.8 * 125 * 10000


def test_a_new_connection_begins_anew():
    radio = Radio(125.0, 100).run(0, 10000)
    assert radio.window.used > 0
    radio.window.start(10000)
    assert radio.window.used == 0 and radio.window.base is None and radio.window.is_open()


def test_a_bucket_of_no_rate_is_always_open():
    bucket = Bucket(0)
    bucket.spend(1000000)
    assert bucket.is_open() and bucket.wake(5) is None


def test_a_bucket_gives_its_rate_and_a_second_at_most():
    bucket = Bucket(1000)
    bucket.start(50000)
    bucket.fill(50000)
    assert not bucket.is_open() and bucket.wake(50000) == 1
    bucket.fill(3650000)
    bucket.spend(1000)
    assert not bucket.is_open()
    bucket.spend(500)
    assert bucket.wake(3650000) == 501
    bucket.fill(3650501)
    assert bucket.is_open()
