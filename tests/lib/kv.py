"""Opens a RocksDB from outside, through its C interface, to do to it what a broken disk or a later
release would: the store's own programs are not asked. The daemon must not run meanwhile."""
import ctypes
import ctypes.util

LIBRARY = ctypes.util.find_library("rocksdb") or "librocksdb.so"


def _library():
    lib = ctypes.CDLL(LIBRARY)
    lib.rocksdb_options_create.restype = ctypes.c_void_p
    lib.rocksdb_list_column_families.restype = ctypes.POINTER(ctypes.c_char_p)
    lib.rocksdb_open_column_families.restype = ctypes.c_void_p
    lib.rocksdb_readoptions_create.restype = ctypes.c_void_p
    lib.rocksdb_writeoptions_create.restype = ctypes.c_void_p
    lib.rocksdb_create_iterator_cf.restype = ctypes.c_void_p
    lib.rocksdb_iter_key.restype = ctypes.POINTER(ctypes.c_char)
    lib.rocksdb_iter_value.restype = ctypes.POINTER(ctypes.c_char)
    lib.rocksdb_iter_valid.restype = ctypes.c_ubyte
    return lib


class Database:
    def __init__(self, path):
        self.lib, self.error = _library(), ctypes.c_char_p()
        count = ctypes.c_size_t()
        options = ctypes.c_void_p(self.lib.rocksdb_options_create())
        names = self.lib.rocksdb_list_column_families(options, str(path).encode(), ctypes.byref(count),
                                                      ctypes.byref(self.error))
        self.check()
        self.names = [names[i] for i in range(count.value)]
        all_options = (ctypes.c_void_p * count.value)(*[options.value] * count.value)
        handles = (ctypes.c_void_p * count.value)()
        self.db = ctypes.c_void_p(self.lib.rocksdb_open_column_families(
            options, str(path).encode(), ctypes.c_int(count.value), names, all_options, handles,
            ctypes.byref(self.error)))
        self.check()
        self.handles = [ctypes.c_void_p(handle) for handle in handles]
        self.read = ctypes.c_void_p(self.lib.rocksdb_readoptions_create())
        self.write = ctypes.c_void_p(self.lib.rocksdb_writeoptions_create())

    def check(self):
        if self.error.value:
            raise AssertionError(f"rocksdb: {self.error.value.decode(errors='replace')}")

    def rows(self):
        """(column family, key, value) of everything."""
        size = ctypes.c_size_t()
        for name, handle in zip(self.names, self.handles):
            cursor = ctypes.c_void_p(self.lib.rocksdb_create_iterator_cf(self.db, self.read, handle))
            self.lib.rocksdb_iter_seek_to_first(cursor)
            while self.lib.rocksdb_iter_valid(cursor):
                at = self.lib.rocksdb_iter_key(cursor, ctypes.byref(size))
                key = at[:size.value]
                at = self.lib.rocksdb_iter_value(cursor, ctypes.byref(size))
                yield name.decode(), key, at[:size.value]
                self.lib.rocksdb_iter_next(cursor)
            self.lib.rocksdb_iter_destroy(cursor)

    def put(self, family, key, value):
        handle = self.handles[self.names.index(family.encode())]
        self.lib.rocksdb_put_cf(self.db, self.write, handle, key, ctypes.c_size_t(len(key)), value,
                                ctypes.c_size_t(len(value)), ctypes.byref(self.error))
        self.check()

    def close(self):
        for handle in self.handles:
            self.lib.rocksdb_column_family_handle_destroy(handle)
        self.lib.rocksdb_close(self.db)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def dump(path):
    with Database(path) as database:
        return list(database.rows())


def replace(path, old, new):
    """Every value that has `old` gets `new` in its place; how many there were."""
    with Database(path) as database:
        hits = [row for row in database.rows() if old in row[2]]
        for family, key, value in hits:
            database.put(family, key, value.replace(old, new))
        return len(hits)


def make_newer(path):
    """Raises the format number of the mail store, as a later release would."""
    with Database(path) as database:
        [(family, key, value)] = [row for row in database.rows() if row[1] == b"format"]
        newer = int.from_bytes(value, "big") + 1
        database.put(family, key, newer.to_bytes(len(value), "big"))
