"""What test_auth.py has python3-dkim and python3-spf do, where they are: reads a file of jobs, prints answers."""
import base64
import json
import socket
import sys


def octets(text):
    return base64.b64decode(text)


def verify_dkim(job):
    import dkim
    mail = dkim.DKIM(octets(job["mail"]))
    count = sum(1 for name, _ in mail.headers if name.lower() == b"dkim-signature")
    answers = []
    for index in range(count):
        try:
            answers.append(bool(dkim.DKIM(octets(job["mail"])).verify(idx=index, dnsfunc=dns_of(job))))
        except dkim.DKIMException as error:
            answers.append(str(error))
    return answers


def sign_dkim(job):
    import dkim
    canon = tuple(part.encode() for part in job["canon"].split("/"))
    field = dkim.sign(octets(job["mail"]), job.get("selector", "s").encode(), job["domain"].encode(),
                      octets(job["key"]), canonicalize=canon, signature_algorithm=job["algorithm"].encode())
    return base64.b64encode(field).decode()


def verify_arc(job):
    import dkim
    return dkim.arc_verify(octets(job["mail"]), dnsfunc=dns_of(job))[0].decode()


def seal_arc(job):
    import dkim
    fields = dkim.arc_sign(octets(job["mail"]), b"s", job["domain"].encode(), octets(job["key"]),
                           job["id"].encode())
    return base64.b64encode(b"".join(fields)).decode()


def dns_of(job):
    def txt(name, timeout=5):
        return job["txt"].get((name.decode() if isinstance(name, bytes) else name).rstrip("."))
    return txt


def check_spf(job):
    import spf
    records = {owner.lower(): rows for owner, rows in job["zone"].items()}

    def look_up(name, wanted, strict=True, timeout=None, depth=0):
        labels = [label for label in name.split(".") if label]
        if any(len(label) > 63 for label in labels):
            raise spf.TempError("DNS label too long")
        rows = records.get(".".join(labels).lower(), [])
        for kind, value in rows:
            if kind == "TIMEOUT":
                if not any(kind == wanted for kind, _ in rows):
                    raise spf.TempError("DNS timeout")
            elif kind == "CNAME":
                yield (name, "CNAME"), value
                if wanted != "CNAME" and depth < 8:
                    yield from look_up(value, wanted, strict, timeout, depth + 1)
            elif kind == wanted:
                if kind == "AAAA":
                    value = socket.inet_pton(socket.AF_INET6, value)
                elif kind in ("TXT", "SPF"):
                    value = tuple(octets(text) for text in value)
                elif kind == "MX":
                    value = tuple(value)
                yield (name, kind), value

    spf.DNSLookup = look_up
    query = spf.query(i=job["host"], s=job["mailfrom"], h=job["helo"], strict=1)
    return query.check()[0]


print(json.dumps([globals()[job["do"]](job) for job in json.load(open(sys.argv[1]))]))
