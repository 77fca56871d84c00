"""agent/port/tree.py on real files, in a folder that is removed afterwards."""

import os

from agent.port.tree import Tree, TreeError, new_hash
from agent.update import boot
from tests.support.files import remove_all, temporary
from tests.support.releases import choose, new_release, old_release

ROOT = temporary("tree")


def in_folder(test):
    """Runs `test(tree)` in a folder of its own."""
    remove_all(ROOT)
    os.mkdir(ROOT)
    tree = Tree(ROOT)
    try:
        test(tree)
    finally:
        tree.close()
        remove_all(ROOT)


def raises(call, *arguments):
    try:
        call(*arguments)
    except TreeError as e:
        assert isinstance(e, OSError) and "\n" not in str(e)
        return str(e)
    raise AssertionError("no TreeError")


def test_files_are_written_below_folders_that_are_made():
    def test(tree):
        tree.append("b/app/agent/x.py", b"one ")
        tree.append("b/app/agent/x.py", b"two")
        tree.sync()
        assert tree.read("b/app/agent/x.py") == b"one two" and tree.size("b/app/agent/x.py") == 7
        tree.append("b/app/main.py", b"")
        tree.append("b/app/agent/x.py", b"!")
        tree.close()
        assert tree.read("b/app/agent/x.py", 4, 2) == b"tw" and tree.size("b/app/main.py") == 0
        tree.replace("b/whole", b"long text")
        tree.replace("b/whole", b"short")
        assert tree.read("b/whole") == b"short"
        assert tree.names("b") == ["b/app/agent/x.py", "b/app/main.py", "b/whole"]
        assert tree.names("b/app/agent") == ["b/app/agent/x.py"] and tree.names("a") == []
        assert boot.file_hash(tree, "b/whole", new_hash) == new_hash(b"short").digest()

    in_folder(test)


def test_what_is_not_there_has_no_size_and_is_removed_without_a_word():
    def test(tree):
        assert tree.size("none") is None and tree.size("no/folder") is None
        tree.remove("none")
        tree.append("x", b"1")
        tree.remove("x")
        tree.remove("x")
        assert tree.size("x") is None
        tree.append("x", b"2")
        tree.sync()
        assert tree.read("x") == b"2"
        assert tree.size("x/below") is None

    in_folder(test)


def test_a_failure_names_the_file():
    def test(tree):
        assert ROOT + "/none: error 2" in raises(tree.read, "none")
        tree.replace("file", b"")
        for call in (tree.append, tree.replace):
            assert ROOT + "/file/x" in raises(call, "file/x", b"1")
        os.mkdir(ROOT + "/folder")
        for call in (tree.append, tree.replace):
            assert ROOT + "/folder" in raises(call, "folder", b"1")

    in_folder(test)


def test_a_release_is_installed_and_chosen():
    def test(tree):
        old_release().install(tree, "a")
        assert choose(tree) == "a"
        new = new_release()
        new.install(tree, "b")
        assert new.is_in(tree, "b") and boot.is_whole(tree, "b", new_hash)
        tree.remove("b/app/agent/empty.py")
        assert not boot.is_whole(tree, "b", new_hash)

    in_folder(test)
