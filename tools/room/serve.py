"""The room on a broker: paho's network thread only queues; one writer takes batches off the queue.

Writer: batch -> Room.handle (commit) -> PUBACK -> sealed acknowledgements. So a message that the
broker gave is either durable or still the broker's. At a reconnect the PUBACKs still owed are
forgotten: the broker sends those messages again, under packet ids that mean others by then.
"""

import json
import queue
import ssl
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from agent.port.mqtt_paho import NamedContext
from tools.files import write_private
from tools.room import keys as room_keys
from tools.room.core import Room
from tools.room.orders import Dispatch, OrderBook
from tools.room.sqlite import SqliteStore
from tools.room.store import StoreError
from tools.room.updates import UpdateBook, Updates

QUEUE = 10000  # messages of at most 8 KB; full, the network thread waits and so does the broker
MAX_BATCH = 1000  # messages in one transaction
LINGER_S = 0.005  # waiting for company: longer slows a vehicle with a small window, shorter fsyncs
_IDLE_S = 0.2  # how soon a stop is noticed
_RELOAD_S = 2  # how often room.json is looked at for new vehicles
_STATUS_S = 1
_HOLD_S = 0.1
_BACKOFF_S = (1, 30)  # of reconnects: first, longest
_STORE_BACKOFF_S = (0.5, 10)  # while the store refuses
SUBSCRIBE_S = (5, 60)  # until a refused subscription is made again: first, longest
_FAREWELL_S = 2  # for the last acknowledgements to leave


class ServeError(Exception):
    """The room cannot run; one line that says why."""


def utc_ms():
    return time.time_ns() // 1000000


class Server:
    """`run()` until `stop()`, which any thread or signal handler may call.

    folder: with room.json; write(text): prints a line; status: file to keep the status in."""

    def __init__(self, folder, write, status=None):
        self._folder = folder
        self._write = write
        self._status = status
        self._file = room_keys.load(folder)
        self._stamp = self._stat()
        self._stopping = threading.Event()
        self._queue = queue.Queue(QUEUE)
        self._lock = threading.Lock()  # of the connection's count and the PUBACKs that belong to it
        self._connection = 0
        self._is_connected = False
        self._said = None
        self._mqtt = None
        self._subscribe_at = None  # when a refused subscription is made again
        self._subscribe_wait = SUBSCRIBE_S[0]
        self.room = None
        self.counters = {"connects": 0, "batches": 0, "poisoned": 0, "pubacks": 0, "forgotten": 0}

    def stop(self):
        """Finish what is queued, commit, acknowledge, say good-bye."""
        self._stopping.set()

    def run(self):
        """Raises ServeError or StoreError where it cannot start."""
        store = SqliteStore(self._file.database)
        book = OrderBook(self._file.database)
        releases = UpdateBook(self._file.database)
        try:
            updates = Updates(releases, book)
            self.room = Room(store, self._file, Dispatch(book, store), updates)
            self._mqtt = self._client(self._file.mqtt)
            self._mqtt.connect_async(
                self._file.mqtt.host, self._file.mqtt.port, self._file.mqtt.keepalive_s
            )
            self._mqtt.loop_start()
            try:
                self._work()
            finally:
                self._farewell()
        finally:
            releases.close()
            book.close()
            store.close()
        self._keep_status()

    def status(self):
        return {
            "connected": self._is_connected,
            "queued": self._queue.qsize(),
            "vehicles": len(self.room.keys.vehicles) if self.room else 0,
            "counters": {**self.counters, **(self.room.counters if self.room else {})},
            "orders": self.room.dispatch.counters if self.room else {},
            "updates": self.room.updates.counters if self.room else {},
        }

    # The writer

    def _work(self):
        looked = said = 0.0
        while True:
            batch = self._collect()
            if batch or self._due == 0:
                self._process(batch)
            elif self._stopping.is_set():
                return
            now = time.monotonic()
            if self._subscribe_at is not None and now >= self._subscribe_at:
                self._subscribe_at = None
                self._subscribe()
            if now - looked >= _RELOAD_S:
                looked = now
                self._reload()
            if now - said >= _STATUS_S:
                said = now
                self._keep_status()

    def _collect(self):
        """The next batch, after the linger; empty when nothing came in time."""
        self._due = None
        wait = _IDLE_S
        due = self.room.wake(utc_ms())
        if due is not None:
            wait = min(wait, due / 1000)
        batch = []
        try:
            batch.append(self._queue.get(wait > 0, wait))
        except queue.Empty:
            if due is not None and due / 1000 <= _IDLE_S:
                self._due = 0
            return batch
        end = time.monotonic() + LINGER_S
        while len(batch) < MAX_BATCH:
            left = end - time.monotonic()
            try:
                batch.append(
                    self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()
                )
            except queue.Empty:
                break
        return batch

    def _process(self, batch):
        messages = [(item[2], item[3]) for item in batch if item[0] is not None]
        wait = _STORE_BACKOFF_S[0]
        while True:
            try:
                if any(item[0] is None for item in batch):
                    self.room.greet(utc_ms())
                downs = self.room.handle(messages, utc_ms())
                break
            except StoreError as e:
                self._say(f"nothing is acknowledged: {e}")
                # At the end it is tried once more: what is not stored stays the broker's.
                if self._stopping.wait(wait) and wait > _STORE_BACKOFF_S[0]:
                    return
                wait = min(2 * wait, _STORE_BACKOFF_S[1])
            except Exception as e:
                self._say(f"fault: {type(e).__name__}: {e}")
                downs = self._one_by_one(messages)
                break
        self.counters["batches"] += 1
        for item in batch:
            self._puback(item)
        for topic, payload in downs:
            self._mqtt.publish(topic, payload, 0)

    def _one_by_one(self, messages):
        """A message that the room stumbles over must not take others with it, nor come again."""
        downs = []
        for message in messages:
            try:
                downs.extend(self.room.handle([message], utc_ms()))
            except StoreError as e:
                self._say(f"not acknowledged: {e}")  # its vehicle sends it again
            except Exception as e:
                self.counters["poisoned"] += 1
                self._say(f"message on {message[0]} left out: {type(e).__name__}: {e}")
        return downs

    def _puback(self, item):
        connection, mid = item[:2]
        if connection is None or mid is None:
            return
        with self._lock:
            if connection == self._connection:
                self._mqtt.ack(mid, 1)
                self.counters["pubacks"] += 1
            else:
                self.counters["forgotten"] += 1

    def _reload(self):
        """New vehicles are known without a restart; a broken file changes nothing."""
        stamp = self._stat()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.room.keys = room_keys.load(self._folder)
        except room_keys.KeysError as e:
            self._say(f"keeping the old keys: {e}")

    def _stat(self):
        try:
            found = (Path(self._folder) / room_keys.FILE).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _keep_status(self):
        if self._status is not None:
            try:
                write_private(self._status, json.dumps(self.status()) + "\n")
            except OSError as e:
                self._say(f"status {self._status}: {e.strerror}")

    def _say(self, text):
        """One line per error, not one per repetition."""
        if text != self._said:
            self._said = text
            self._write(f"room: {text}")

    def _farewell(self):
        """The last acknowledgements leave before the DISCONNECT does."""
        end = time.monotonic() + _FAREWELL_S
        while self._is_connected and self._mqtt.want_write() and time.monotonic() < end:
            time.sleep(0.01)
        self._mqtt.disconnect()
        self._mqtt.loop_stop()

    # The network thread

    def _client(self, mqtt):
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=mqtt.client_id,
            clean_session=mqtt.clean_session,
            manual_ack=True,
        )
        client.reconnect_delay_set(*_BACKOFF_S)
        if mqtt.username is not None:
            client.username_pw_set(mqtt.username, mqtt.password)
        if mqtt.tls is not None:
            client.tls_set_context(_tls_context(mqtt.tls))
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _where(self):
        return f"broker {self._file.mqtt.host}:{self._file.mqtt.port}"

    def _on_connect(self, client, userdata, flags, reason, properties):
        if reason.is_failure:
            self._say(f"{self._where()} refused: {reason}")
            return
        with self._lock:
            self._connection += 1
        self._is_connected = True
        self.counters["connects"] += 1
        self._subscribe_wait = SUBSCRIBE_S[0]
        self._subscribe()

    def _subscribe(self):
        if self._is_connected:
            self._mqtt.subscribe([(topic, 1) for topic in self._file.mqtt.topics])

    def _on_subscribe(self, client, userdata, mid, reasons, properties):
        refused = [
            topic
            for topic, reason in zip(self._file.mqtt.topics, reasons, strict=False)
            if reason.is_failure
        ]
        if refused:
            # Not for good: who mends the broker's rules does not think of the room.
            self._say(f"{self._where()} refused the subscription to {', '.join(refused)}")
            self._subscribe_at = time.monotonic() + self._subscribe_wait
            self._subscribe_wait = min(2 * self._subscribe_wait, SUBSCRIBE_S[1])
        else:
            self._subscribe_wait = SUBSCRIBE_S[0]
            self._say(f"connected to {self._where()}")
        self._put((None, None, None, None))  # now answers arrive: greet the vehicles

    def _on_connect_fail(self, client, userdata):
        self._say(f"{self._where()} cannot be reached: {sys.exc_info()[1]}")  # paho's `except`

    def _on_disconnect(self, client, userdata, flags, reason, properties):
        with self._lock:
            self._connection += 1  # PUBACKs of before belong to nobody
        if self._is_connected and not self._stopping.is_set():
            self._say(f"connection to {self._where()} lost: {reason}")
        self._is_connected = False

    def _on_message(self, client, userdata, message):
        mid = message.mid if message.qos else None
        self._put((self._connection, mid, message.topic, message.payload))

    def _put(self, item):
        # While stopping nothing new is taken: it stays the broker's, unacknowledged.
        while not self._stopping.is_set():
            try:
                self._queue.put(item, timeout=_HOLD_S)
                return
            except queue.Full:
                pass


def _tls_context(tls):
    """Raises ServeError where the files cannot be used."""
    try:
        context = ssl.create_default_context(cafile=tls["ca"])
        if tls["cert"]:
            context.load_cert_chain(tls["cert"], tls["key"])
    except (OSError, ssl.SSLError) as e:
        raise ServeError(f"TLS files of room.json: {e}") from e
    return NamedContext(context, tls["server_name"]) if tls["server_name"] else context
