"""A class of tests with one daemon for all of them."""
import unittest

from lib.daemon import Daemon


class DaemonCase(unittest.TestCase):
    options = {}  # what its Daemon is made with

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(**cls.options)
        try:
            cls.daemon.start()
            cls.daemon.setup()
            cls.prepare()
        except BaseException:
            cls.daemon.remove()
            raise

    @classmethod
    def prepare(cls):
        """What else has to be there before the first test."""

    @classmethod
    def tearDownClass(cls):
        try:
            assert cls.daemon.stop() == 0
        finally:
            cls.daemon.remove()
