"""The scheduler under a virtual clock, network and store, from many seeds (src/service/queue/simulator.h)."""
import os
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / os.environ.get("MAILWRIGHT_TREE", "release") / "bin" / "mail_service_queue_test"
SEEDS = {"long": "200000"}.get(os.environ.get("MAIL_CRASH"), "10000")


class Simulation(unittest.TestCase):
    def test_a_day_of_traffic_with_faults_from_each_seed(self):
        done = subprocess.run([str(PROGRAM), "--gtest_filter=Simulation.Nothing*"], text=True,
                              env=dict(os.environ, MAIL_SEEDS=SEEDS), capture_output=True)
        print(f"{SEEDS} seeds")
        self.assertEqual(0, done.returncode, done.stdout[-3000:])
        self.assertIn("[  PASSED  ] 1 test", done.stdout)
