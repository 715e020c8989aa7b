"""The SMTP session and a model of it hear the same random sequences and say the same (session/*.cc).

MAIL_SEED=n MAIL_SEQUENCES=1 repeats a finding; tools/crash --long plays more of them.
"""
import os
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = os.environ.get("MAILWRIGHT_TREE", "release")
PROGRAM = ROOT / "build" / TREE / "bin" / "mail_session_model"
LONG = os.environ.get("MAIL_CRASH") == "long"
SEQUENCES = int(os.environ.get("MAIL_SEQUENCES", 0)) or (
    20_000_000 if LONG else 1_000_000 if TREE == "release" else 100_000)


class Session(unittest.TestCase):
    def test_it_says_what_the_model_says(self):
        done = subprocess.run([str(PROGRAM), str(SEQUENCES)], text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        print(done.stdout.strip().splitlines()[-1] if done.stdout else "it said nothing")
        self.assertEqual(0, done.returncode, done.stdout[-5000:])
        self.assertIn(f"{SEQUENCES} sequences", done.stdout)
