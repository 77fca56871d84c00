"""Releases of the agent: built for a target, signed by two of three people, verified, installed.

A release is a folder:

    manifest        what is signed (see agent/update/manifest.py)
    files           the index: size, SHA-256 and path of each file
    app/...         the files as they lie in a slot
    <key id>.sig    the signature of one key over the manifest, one file for each
    signed          manifest and signatures as they are offered to vehicles, written by `verify`

The same source, target and mpy-cross give the same files, so that who signs can build on their own
machine and compare.
"""


class ReleaseError(Exception):
    """A release could not be built, signed or verified; one line says why."""
