"""mosquitto's configuration: client certificates only, and a fence around each vehicle's topics.

What mosquitto 2.0 does, and what follows from it:
- A subscription is always granted; the ACL is asked when a message is to be delivered. So nobody
  is told "no", and nothing comes. A publish that is denied gets its PUBACK all the same.
- `pattern` lines hold for every user, the room's too; its name has a dot, which no vehicle's has.
- A client that connects with another's client id takes its connection away. So the client id is
  replaced by the certificate's name.
- A list of revoked certificates that is overdue lets nobody in (see `authority.crl`). SIGHUP reads
  ACL and list anew; who is connected stays until the broker is started again.
"""

from pathlib import Path

from cryptography.hazmat.primitives import serialization

from tools.files import locked, private_folder, write_private
from tools.provision.authority import DAYS
from tools.provision.errors import ProvisionError
from tools.provision.files import CRL, authority_of, named_errors
from tools.provision.fleet import write_crl
from tools.provision.room import MAX_WORKERS, WORKER
from tools.room import keys as room_keys

UP_LANES = "satbp"
DOWN_LANE = "d"
CONFIG, ACL, CA, CERT, KEY = "mosquitto.conf", "acl", "ca.pem", "broker.pem", "broker.key.pem"


def acl(workers):
    """The text of mosquitto's ACL file for so many workers of the room."""
    lines = ["# A vehicle, by the name in its certificate: its own lanes and no other topic."]
    lines += [f"pattern write p1/%u/{lane}" for lane in UP_LANES]
    lines += [f"pattern read p1/%u/{DOWN_LANE}"]
    for number in range(1, workers + 1):
        lines += ["", f"user {WORKER % number}"]
        lines += [f"topic read p1/+/{lane}" for lane in UP_LANES]
        lines += [f"topic write p1/+/{DOWN_LANE}"]
    return "\n".join(lines) + "\n"


def mosquitto_conf(install_dir, port, bind):
    """The text of mosquitto.conf, for files that lie in `install_dir`."""
    where = Path(install_dir)
    return f"""\
# Written by `patrol provision broker`. mosquitto 2.0 or newer.
per_listener_settings false
allow_anonymous false
acl_file {where / ACL}

# The journal of each vehicle and the room's acknowledgement carry delivery, not this broker's
# memory. What it may hold for a room that is away is bounded.
persistence false
max_inflight_messages 1000
max_queued_messages 100000
# A frame has at most 4,096 bytes, a session open 59.
message_size_limit 8192
set_tcp_nodelay true

listener {port} {bind}
tls_version tlsv1.2
cafile {where / CA}
certfile {where / CERT}
keyfile {where / KEY}
crlfile {where / CRL}
require_certificate true
use_identity_as_username true
use_username_as_clientid true
"""


def create_broker(
    folder,
    out,
    *,
    host=None,
    port=None,
    bind="0.0.0.0",
    workers=1,
    install_dir=None,
    days=DAYS,
    passphrase=None,
):
    """Writes mosquitto's configuration, ACL, certificate and list of the revoked into `out`.

    host: the name or address in its certificate, and port; default: what the room connects to.
    bind: the address it listens on; install_dir: where the files will lie, default `out`. Run
    again it writes all of it anew. Returns the path of mosquitto.conf."""
    if not 1 <= workers <= MAX_WORKERS:
        raise ProvisionError(f"workers {workers}: there may be 1 to {MAX_WORKERS}")
    authority_of(folder, is_wanted=True, is_to_change=False)
    out = Path(out)
    with named_errors(folder), locked(folder):
        authority = authority_of(folder, passphrase)
        room = room_keys.load(folder)
        named = room.mqtt.tls["server_name"] if room.mqtt.tls else None
        host = host or named or room.mqtt.host
        private_folder(out)
        with authority.changing() as register:
            certificate, key = authority.issue(f"broker.{host}"[:64], "broker", days, host)
            pem = serialization.Encoding.PEM
            plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            write_private(out / CA, authority.ca_pem)
            write_private(out / KEY, key.private_bytes(pem, *plain))
            write_private(out / CERT, certificate.public_bytes(pem))
            write_private(out / ACL, acl(workers))
            where = install_dir or out.absolute()
            write_private(out / CONFIG, mosquitto_conf(where, port or room.mqtt.port, bind))
            if str(out.absolute()) not in register["brokers"]:
                register["brokers"].append(str(out.absolute()))
            write_crl(folder, authority)
    return out / CONFIG
