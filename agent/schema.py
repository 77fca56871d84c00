"""What a group of keys must look like, and the error that names the wrong key: a schema is data.

A dict is a group of keys; a Key is a value with its kind, default and limits; an Optional is a
group that may be absent. A kind is a function (rule, value, name) -> value; those in `kinds`, which
know more than a value's form, get the group around it as well.
"""


class ConfigError(Exception):
    """The configuration cannot be used; the text names the file and the key."""


_REQUIRED = object()


class Key:
    """kind: 'int', 'str', 'bool', 'hex', 'names', 'groups', or one of `kinds`. `low`, `high`:
    limits of an int, or of a length (of a hex: bytes). `null`: None is allowed. `choices`: the
    values that there are; of 'groups', the schema of each."""

    def __init__(self, kind, default=_REQUIRED, low=None, high=None, null=False, choices=None):
        self.kind = kind
        self.default = default
        self.low = low
        self.high = high
        self.null = null
        self.choices = choices


class Optional:
    """A group that may be null or absent as a whole."""

    def __init__(self, group):
        self.group = group


def check(schema, raw, prefix, kinds=None):
    """The checked group with its defaults, as a dict. Raises ConfigError."""
    if not isinstance(raw, dict):
        raise ConfigError("%s must be an object" % (prefix[:-1] or "the file"))
    for key in raw:
        if key not in schema:
            known = ", ".join(sorted(schema))
            raise ConfigError("unknown key %s%s; known are %s" % (prefix, key, known))
    out = {}
    for key, rule in schema.items():
        name = prefix + key
        if isinstance(rule, Optional):
            value = raw.get(key)
            out[key] = None if value is None else check(rule.group, value, name + ".", kinds)
        elif isinstance(rule, dict):
            out[key] = check(rule, raw.get(key, {}), name + ".", kinds)
        else:
            out[key] = _value(rule, raw, key, name, kinds)
    return out


def _value(rule, raw, key, name, kinds):
    if key not in raw:
        if rule.default is _REQUIRED:
            raise ConfigError("key %s is missing" % name)
        return rule.default
    value = raw[key]
    if value is None and rule.null:
        return None
    if rule.kind in _KINDS:
        return _KINDS[rule.kind](rule, value, name)
    return kinds[rule.kind](rule, value, name, raw)


def _int(rule, value, name):
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigError("%s must be an integer, not %s" % (name, type(value).__name__))
    if rule.choices and value not in rule.choices:
        text = "%s: %d is none of %s"
        raise ConfigError(text % (name, value, ", ".join([str(c) for c in rule.choices])))
    if (rule.low is not None and value < rule.low) or (rule.high is not None and value > rule.high):
        raise ConfigError("%s: %d is not within %d to %d" % (name, value, rule.low, rule.high))
    return value


def _bool(rule, value, name):
    if value is not True and value is not False:
        raise ConfigError("%s must be true or false" % name)
    return value


def _str(rule, value, name):
    if not isinstance(value, str):
        raise ConfigError("%s must be a text, not %s" % (name, type(value).__name__))
    if rule.choices and value not in rule.choices:
        raise ConfigError("%s: %r is none of %s" % (name, value, ", ".join(rule.choices)))
    if not rule.low <= len(value) <= rule.high:
        text = "%s must be of %d to %d characters, not %d"
        raise ConfigError(text % (name, rule.low, rule.high, len(value)))
    return value


def _hex(rule, value, name):
    # The value itself is never printed: it may be a secret.
    try:
        data = bytes.fromhex(value)
    except (ValueError, TypeError):
        raise ConfigError("%s must be hexadecimal text" % name)
    if len(data) != rule.low:
        raise ConfigError("%s must be of %d bytes, not %d" % (name, rule.low, len(data)))
    return data


def _names(rule, value, name):
    if not isinstance(value, list) or not rule.low <= len(value) <= rule.high:
        text = "%s must be a list of %d to %d names"
        raise ConfigError(text % (name, rule.low, rule.high))
    for item in value:
        if not isinstance(item, str):
            raise ConfigError("%s: %r is no name" % (name, item))
    return value


def _groups(rule, value, name):
    """A list of groups, each of the schema in `choices`."""
    if not isinstance(value, list) or not rule.low <= len(value) <= rule.high:
        text = "%s must be a list of %d to %d objects"
        raise ConfigError(text % (name, rule.low, rule.high))
    return [check(rule.choices, row, "%s[%d]." % (name, i)) for i, row in enumerate(value)]


_KINDS = {
    "int": _int, "bool": _bool, "str": _str, "hex": _hex, "names": _names, "groups": _groups,
}  # fmt: skip
