"""A private DNS with a root of its own, signed: Knot has the zones, and a front on port 53 makes the
faults that the world has.

    with DnsWorld({"yahoo.test": ["@ MX 10 mx", f"mx A {net['yahoo'].address}"],
                   "plain.test": {"signed": False, "records": ["@ A 192.0.2.9"]}},
                  host=net["dns"]) as dns:
        dns.root_hints, dns.trust_anchor      # files for [dns]
        dns.set("yahoo.test", ["@ MX 0 ."])   # other records
        dns.fault("yahoo.test", "bogus")      # bogus | servfail | refused | silent, name and all below
        dns.heal("yahoo.test")
        dns.questions("mx.yahoo.test")        # types asked so far, such as ["A", "AAAA"]

Records are lines of a zone file, relative to their zone, TTL 2 unless they say another. The root and
every parent are made as needed. The DNS is a process of its own, which speaks JSON lines on its
standard input and output (`dns_world.py serve`) and ends with them: so other programs than Python can
use it, and it can run in the namespace of a host (lib/netns.py). It takes port 53 of `addresses`.
"""
import argparse
import asyncio
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lib.netns import die_with_parent  # noqa: E402
from lib.peers import debian  # noqa: E402

KNOT_PORT = 5300
TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 43: "DS",
         46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 52: "TLSA"}
RRSIG, SERVFAIL, REFUSED = 46, 2, 5
SO_RCVBUFFORCE = 33  # socket(7); the module has no name for it

CONFIG = """
server:
    rundir: "{folder}"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: "{folder}/knot.log"
    any: info
database:
    storage: "{folder}/db"
policy:
  - id: world
    algorithm: ecdsap256sha256
    single-type-signing: on
    ksk-lifetime: 0
    dnskey-ttl: 2
template:
  - id: default
    storage: "{folder}"
    semantic-checks: off
    zonefile-load: difference-no-serial
    journal-content: all
    zonefile-sync: -1
zone:
"""


# --- names and messages --------------------------------------------------------------------------
def below(name, zone):
    return zone == "." or name == zone or name.endswith("." + zone)


def parent_of(zone):
    return "." if "." not in zone else zone.split(".", 1)[1]


def absolute(label, zone):
    return f"{label}." if zone == "." else f"{label}.{zone}."


def skip_name(message, at):
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += 1 + message[at]
    return at + 1


def question_of(message):
    """(name in lower case without final dot, number of the type)"""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1").lower())
        at += 1 + message[at]
    return ".".join(labels) or ".", struct.unpack_from("!H", message, at + 1)[0]


def records_of(message):
    """(type, begin and end of the RDATA) of every record"""
    counts = struct.unpack_from("!4H", message, 4)
    at = 12
    for _ in range(counts[0]):
        at = skip_name(message, at) + 4
    for _ in range(sum(counts[1:])):
        at = skip_name(message, at)
        kind, length = struct.unpack_from("!H6xH", message, at)
        yield kind, at + 10, at + 10 + length
        at += 10 + length


def break_signatures(message):
    broken = bytearray(message)
    for kind, _, end in records_of(message):
        if kind == RRSIG:
            broken[end - 1] ^= 1  # the last octet of the signature
    return bytes(broken)


def refusal(query, rcode):
    end = skip_name(query, 12) + 4
    flags = 0x8000 | (struct.unpack_from("!H", query, 2)[0] & 0x0110) | rcode
    return query[:2] + struct.pack("!5H", flags, 1, 0, 0, 0) + query[12:end]


# --- the process ---------------------------------------------------------------------------------
class Knot:
    def __init__(self, folder, zones, addresses):
        self.folder, self.addresses = Path(folder), addresses
        self.tree = debian("knot")
        libraries = os.pathsep.join(str(path) for path in self.tree.glob("usr/lib/*-linux-gnu*"))
        self.environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
        self.zones = {".": {}}
        for name, content in zones.items():
            content = content if isinstance(content, dict) else {"records": content}
            self.zones[name.rstrip(".").lower() or "."] = content
        for name in list(self.zones):
            while name != ".":
                name = parent_of(name)
                self.zones.setdefault(name, {})
        self.ds = {}
        self.process = None

    def file_of(self, zone):
        return self.folder / ("root.zone" if zone == "." else f"{zone}.zone")

    def signed(self, zone):
        return self.zones[zone].get("signed", True)

    def tool(self, name, *words):
        done = subprocess.run([self.tree / "usr" / "sbin" / name, *words], env=self.environment,
                              capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{name} {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self):
        config = self.folder / "knot.conf"
        text = CONFIG.format(folder=self.folder, port=KNOT_PORT)
        for zone in self.zones:
            text += f"  - domain: \"{zone}\"\n    file: \"{self.file_of(zone)}\"\n"
            if self.signed(zone):
                text += "    dnssec-signing: on\n    dnssec-policy: world\n"
        config.write_text(text)
        (self.folder / "db").mkdir()
        for zone in filter(self.signed, self.zones):
            self.tool("keymgr", "-c", str(config), zone, "generate", "algorithm=ECDSAP256SHA256",
                      "ksk=yes", "zsk=yes")
            lines = self.tool("keymgr", "-c", str(config), zone, "ds").splitlines()
            self.ds[zone] = next(line.split("DS", 1)[1].strip() for line in lines
                                 if line.split("DS", 1)[1].split()[2] == "2")  # SHA-256
        for zone in self.zones:
            self.write(zone)
        with open(self.folder / "knotd.out", "wb") as out:
            self.process = subprocess.Popen(
                [self.tree / "usr" / "sbin" / "knotd", "-c", str(config)], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=die_with_parent)
        for zone in self.zones:
            self.wait_for(zone)

    def write(self, zone):
        lines = [f"$ORIGIN {'' if zone == '.' else zone}.", "$TTL 2",
                 f"@ SOA {absolute('ns', zone)} {absolute('root', zone)} 1 600 60 86400 2"]
        lines += self.servers(zone)
        for child in self.zones:
            if child != "." and parent_of(child) == zone:
                lines += self.servers(child)
                if child in self.ds:
                    lines.append(f"{child}. DS {self.ds[child]}")
        lines += self.zones[zone].get("records", [])
        self.file_of(zone).write_text("\n".join(lines) + "\n")

    def servers(self, zone):
        name = absolute("ns", zone)
        yield f"{'' if zone == '.' else zone}. NS {name}"
        for address in self.addresses:
            yield f"{name} {'AAAA' if ':' in address else 'A'} {address}"

    def set(self, zone, records):
        self.zones[zone]["records"] = records
        self.write(zone)
        self.tool("knotc", "-c", str(self.folder / "knot.conf"), "-b", "zone-reload",
                  zone if zone == "." else f"{zone}.")

    def wait_for(self, zone):
        """Until the zone answers, and is signed where it is to be."""
        name = b"" if zone == "." else b"".join(bytes([len(label)]) + label.encode()
                                                for label in zone.split("."))
        opt = b"\0" + struct.pack("!2HIH", 41, 1232, 0x8000, 0)  # DNSSEC OK (RFC 3225)
        query = struct.pack("!6H", 1, 0, 1, 0, 0, 1) + name + b"\0" + struct.pack("!2H", 6, 1) + opt
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                break
            try:
                answer = exchange_udp(query, 1)
            except OSError:
                answer = None
            kinds = [kind for kind, _, _ in records_of(answer)] if answer else []
            if 6 in kinds and (RRSIG in kinds or not self.signed(zone)):
                return
            time.sleep(0.01)
        out = [(self.folder / name).read_text() for name in ("knotd.out", "knot.log")
               if (self.folder / name).exists()]
        raise RuntimeError(f"knotd does not serve {zone}: {' '.join(out)[-3000:]}")


def exchange_udp(query, timeout):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
        upstream.settimeout(timeout)
        upstream.connect(("127.0.0.1", KNOT_PORT))
        upstream.send(query)
        return upstream.recv(65535)


class Upstream(asyncio.DatagramProtocol):
    """The way to the name server: one socket, and ids of its own to tell the answers apart."""

    def __init__(self):
        self.waiting, self.last = {}, 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, answer, _):
        waiting = self.waiting.get(answer[:2])
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def ask(self, query, timeout=5):
        self.last = (self.last + 1) % 65536
        number = struct.pack("!H", self.last)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        self.transport.sendto(number + query[2:])
        try:
            answer = await asyncio.wait_for(self.waiting[number], timeout)
        finally:
            del self.waiting[number]
        return query[:2] + answer[2:]


class Front(asyncio.DatagramProtocol):
    def __init__(self, world):
        self.world = world

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, query, client):
        self.world.later(self.answer(query, client))

    async def answer(self, query, client):
        reply = await self.world.reply(query, "udp")
        if reply is not None:
            self.transport.sendto(reply, client)


class World:
    def __init__(self, knot):
        self.knot, self.faults, self.asked, self.running = knot, {}, {}, set()

    def later(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def open(self):
        loop = asyncio.get_running_loop()
        _, self.upstream = await loop.create_datagram_endpoint(Upstream, remote_addr=("127.0.0.1", KNOT_PORT))
        for address in self.knot.addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            front, _ = await loop.create_datagram_endpoint(lambda: Front(self), local_addr=(address, 53),
                                                           family=family)
            # As many questions as are asked at once, though it gets no processor for a while.
            front.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
            await asyncio.start_server(self.serve_tcp, address, 53, family=family)

    async def reply(self, query, way):
        try:
            name, kind = question_of(query)
        except (IndexError, struct.error):
            return None
        self.asked.setdefault(name, []).append(TYPES.get(kind, str(kind)))
        faults = [zone for zone in self.faults if below(name, zone)]
        fault = self.faults[max(faults, key=len)] if faults else None
        if fault == "silent":
            return None
        if fault in ("servfail", "refused"):
            return refusal(query, SERVFAIL if fault == "servfail" else REFUSED)
        try:
            if way == "udp":
                answer = await self.upstream.ask(query)
            else:
                answer = await self.exchange_tcp(query)
        except OSError:
            return None
        return break_signatures(answer) if fault == "bogus" else answer

    @staticmethod
    async def exchange_tcp(query):
        reader, writer = await asyncio.open_connection("127.0.0.1", KNOT_PORT)
        writer.write(struct.pack("!H", len(query)) + query)
        length, = struct.unpack("!H", await reader.readexactly(2))
        answer = await reader.readexactly(length)
        writer.close()
        return answer

    async def serve_tcp(self, reader, writer):
        try:
            while True:
                length, = struct.unpack("!H", await reader.readexactly(2))
                answer = await self.reply(await reader.readexactly(length), "tcp")
                if answer is not None:
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    def obey(self, order):
        verb, name = order["do"], order["name"].rstrip(".").lower() or "."
        if verb == "set":
            self.knot.set(name, order["records"])
        elif verb == "fault":
            assert order["kind"] in ("bogus", "servfail", "refused", "silent"), order["kind"]
            self.faults[name] = order["kind"]
        elif verb == "heal":
            self.faults.pop(name, None)
        elif verb == "questions":
            return {"questions": self.asked.get(name, [])}
        else:
            raise ValueError(f"no such order: {verb}")
        return {}


async def serve(orders, answers):
    """One JSON value a line: first {"zones", "addresses", "folder"}, then orders; an answer to each."""
    first = json.loads(orders.readline())
    knot = Knot(first["folder"], first["zones"], first["addresses"])
    knot.start()
    world = World(knot)
    await world.open()
    hints = Path(first["folder"]) / "root.hints"
    hints.write_text(". 3600 IN NS ns.\n" + "".join(
        f"ns. 3600 IN {'AAAA' if ':' in address else 'A'} {address}\n" for address in knot.addresses))
    anchor = Path(first["folder"]) / "root.ds"
    anchor.write_text(f". IN DS {knot.ds['.']}\n")
    answer = {"root_hints": str(hints), "trust_anchor": str(anchor)}
    try:
        while True:
            answers.write(json.dumps(answer) + "\n")
            answers.flush()
            line = await asyncio.to_thread(orders.readline)
            if not line:
                return
            try:
                answer = await asyncio.to_thread(world.obey, json.loads(line))
            except Exception as error:  # said to who asked
                answer = {"error": repr(error)}
    finally:
        knot.process.kill()
        knot.process.wait()


# --- what tests use ------------------------------------------------------------------------------
class DnsWorld:
    def __init__(self, zones, host=None, addresses=None):
        debian("knot")  # fetched here, while there is a network
        self.folder = tempfile.mkdtemp(prefix="mailwright-dns-")
        self.addresses = addresses or [host.address, host.address6]
        words = [sys.executable, str(Path(__file__).resolve()), "serve"]
        self.process = subprocess.Popen(
            [*(host.wrapper if host else []), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, preexec_fn=die_with_parent)
        try:
            ready = self._tell(zones=zones, addresses=self.addresses, folder=self.folder)
        except BaseException:
            self.close()
            raise
        self.root_hints, self.trust_anchor = ready["root_hints"], ready["trust_anchor"]

    def _tell(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the DNS world ended; its words are above")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def set(self, zone, records):
        self._tell(do="set", name=zone, records=records)

    def fault(self, name, kind):
        self._tell(do="fault", name=name, kind=kind)

    def heal(self, name):
        self._tell(do="heal", name=name)

    def questions(self, name):
        return self._tell(do="questions", name=name)["questions"]

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["fetch", "serve"],
                        help="fetch: get Knot, while there is a network; serve: orders on standard input")
    if parser.parse_args().what == "fetch":
        debian("knot")
    else:
        os.umask(0o077)
        asyncio.run(serve(sys.stdin, sys.stdout))
