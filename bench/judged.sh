#!/usr/bin/env bash
# bench/judged.sh [ROUNDS] [SECONDS]   mail judged and accepted a second, by an mx listener of ours and by
# Postfix with policyd-spf, opendkim and opendmarc (Debian's, unpacked into build/peers): 10 KiB signed with
# RSA-2048 and Ed25519, SPF and DMARC pass; 10 and 100 sessions, persistent and a connection per message;
# both in one network namespace, asking one Knot for one zone, in turn. A line of JSON per measurement, then
# a table of medians. Needs root.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

"$ROOT/tools/build" mailwright bench_accept >&2
exec python3 "$ROOT/bench/judged.py" --load "$BENCH_LOAD" --program "$BENCH_PROGRAM" \
  --rounds "${1:-3}" --seconds "${2:-3}"
