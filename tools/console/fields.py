"""Fields of an answer that comes from outside: what is missing, or of another kind, is None."""

from tools.console.words import is_number, plain


def field(data, *path):
    """data[path[0]][path[1]]..., None where anything is missing or no container."""
    for key in path:
        if isinstance(data, dict):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int):
            data = data[key] if -len(data) <= key < len(data) else None
        else:
            return None
    return data


def number(data, *path):
    """The same as a number that can be shown, or None."""
    found = field(data, *path)
    return found if is_number(found) else None


def items(data, *path):
    """The same as a list; empty where it is none."""
    found = field(data, *path)
    return found if isinstance(found, list) else []


def texts(data, *path):
    """The same as a short text, or None."""
    found = field(data, *path)
    return None if found is None else plain(found)
