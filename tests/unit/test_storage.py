"""agent/port/storage.py on real files, in a folder that is removed afterwards."""

import os

from agent import port
from agent.port.storage import MAX_OPEN, FileStorage, make_folders
from tests.support.files import remove_all, temporary

FOLDER = temporary("storage")


def in_folder(test):
    """Runs `test(storage)` in a folder of its own."""
    remove_all(FOLDER)
    storage = port.Storage(FOLDER)
    try:
        test(storage)
    finally:
        for name in storage.names():
            storage.close(name)
        remove_all(FOLDER)


def raises(function, *arguments):
    try:
        function(*arguments)
    except port.StorageError as e:
        return e
    raise AssertionError("no StorageError")


def test_what_is_appended_is_read_at_any_place():
    def test(storage):
        storage.append("a", b"hello ")
        storage.append("a", b"world")
        storage.sync("a")
        assert storage.names() == ["a"] and storage.size("a") == 11
        assert storage.read("a") == b"hello world" and storage.read("a", 6) == b"world"
        assert storage.read("a", 3, 4) == b"lo w" and storage.read("a", 0, 0) == b""
        assert storage.read("a", 9, 99) == b"ld" and storage.read("a", 99, 9) == b""

    in_folder(test)


def test_a_closed_file_is_appended_to_again():
    def test(storage):
        for text in (b"one ", b"two"):
            storage.append("a", text)
            storage.sync("a")
            storage.close("a")
        storage.close("a")
        storage.sync("a")
        assert storage.read("a") == b"one two"

    in_folder(test)


def test_what_the_medium_gives_at_a_time():
    def test(storage):
        found = storage.unit()
        assert found >= 1 and found & (found - 1) == 0, found

    in_folder(test)


def test_names_are_sorted():
    def test(storage):
        for name in ("b", "c", "a"):
            storage.replace(name, b"")
        assert storage.names() == ["a", "b", "c"]

    in_folder(test)


def test_replace_writes_the_whole_file_and_leaves_nothing_beside_it():
    def test(storage):
        storage.replace("a", b"a long first text")
        storage.replace("a", b"short")
        assert storage.read("a") == b"short" and storage.names() == ["a"]

    in_folder(test)


def test_a_file_is_removed_open_or_not_and_twice():
    def test(storage):
        storage.append("a", b"x")
        storage.remove("a")
        storage.remove("a")
        assert storage.names() == []
        storage.append("a", b"y")
        storage.sync("a")
        assert storage.read("a") == b"y"

    in_folder(test)


def test_handles_are_bounded_and_given_back():
    def test(storage):
        for i in range(MAX_OPEN):
            storage.append(str(i), b"x")
        assert "files open" in str(raises(storage.append, "more", b"x"))
        storage.append("0", b"y")
        storage.close("1")
        storage.append("more", b"x")
        storage.sync("more")
        assert storage.read("more") == b"x"

    in_folder(test)


def test_a_failure_names_the_file():
    def test(storage):
        for action in (storage.read, storage.size):
            e = raises(action, "none")
            assert FOLDER + "/none: error 2" in str(e) and not e.full
        os.mkdir(FOLDER + "/folder")
        assert FOLDER + "/folder" in str(raises(storage.append, "folder", b"x"))
        assert FOLDER + "/folder" in str(raises(storage.replace, "folder", b"x"))
        os.rmdir(FOLDER + "/folder")

    in_folder(test)


def test_a_full_storage_is_told_apart():
    def fails(number):
        def sync(f):
            raise OSError(number, "fault")

        return sync

    def test(storage):
        for number, full in ((28, True), (122, True), (5, False)):
            storage = FileStorage(FOLDER, fails(number), lambda path: None)
            storage.append("a", b"x")
            for e in (raises(storage.sync, "a"), raises(storage.replace, "b", b"x")):
                assert e.full is full
                assert ("the storage is full" if full else "error 5") in str(e)
            storage.close("a")

    in_folder(test)


def test_a_new_files_name_is_synced_with_its_folder_once():
    synced = []

    def test(_):
        storage = FileStorage(FOLDER, lambda f: f.flush(), synced.append)
        for _ in range(3):
            storage.append("a", b"x")
            storage.sync("a")
        storage.replace("b", b"x")
        storage.close("a")
        assert synced == [FOLDER, FOLDER]

    in_folder(test)


def test_folders_are_made_as_far_as_they_are_missing():
    remove_all(FOLDER)
    try:
        for _ in range(2):
            make_folders(FOLDER + "/one/two")
        assert os.listdir(FOLDER) == ["one"] and os.listdir(FOLDER + "/one") == ["two"]
        with open(FOLDER + "/file", "w") as f:
            f.write("x")
        assert FOLDER + "/file" in str(raises(make_folders, FOLDER + "/file/sub"))
    finally:
        remove_all(FOLDER)
