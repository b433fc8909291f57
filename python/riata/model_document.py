"""The JSON document of a linear model: its text is read strictly, and every field is checked before it is used.

A document may have been edited, cut off or made by something else. Each fault is a ValueError whose sentence names the field,
never an error of the code that would have used it.
"""
import json

FORMAT = "riata-linear-model"
FORMAT_VERSION = 2            # with a link and classes
PLAIN_VERSION = 1             # of a model without
REWRITE = "save the model again"
LONGEST_INTEGER = 309         # digits: the largest float64 has as many
SHOWN = 40                    # characters of a wrong value

_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false"}


class Damaged(ValueError):
    """What is wrong with a document, without the words around it."""


def parse(text):
    """The data of JSON text; `Damaged` for a key given twice, a number beyond float64 and nesting beyond all sense.

    Raises
    ------
    json.JSONDecodeError
        If it is not JSON.
    Damaged
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except RecursionError:
        raise Damaged("lists or objects are nested too deeply") from None


def _object(pairs):
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        raise Damaged(f"the key {next(key for key in keys if keys.count(key) > 1)!r} is given twice")
    return document


def _integer(digits):
    if len(digits) > LONGEST_INTEGER + 1:
        raise Damaged(f"the number {digits[:12]}... of {len(digits)} digits is beyond float64")
    return int(digits)


def check_format(document):
    """Refuse what is no riata model, and a model of another version of the format."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"not a riata model: the field 'format' should be {FORMAT!r}; give a file that save_model "
                         "or riata fit wrote")
    version = document.get("format_version")
    if isinstance(version, bool) or version not in (PLAIN_VERSION, FORMAT_VERSION):
        raise ValueError(f"format_version is {version!r}, this riata reads {PLAIN_VERSION} and {FORMAT_VERSION}: load it with "
                         f"riata {document.get('riata', '(unknown)')} or newer")


def entry(document, key, kind, where=""):
    """A field of an object, of a kind (dict, list, str or bool)."""
    if key not in document:
        raise Damaged(f"{key!r} is missing{where}")
    return _of_kind(document[key], kind, f"{key!r}{where}")


def optional(document, key, kind):
    """A field of an object that is there, and null or of a kind."""
    if key not in document:
        raise Damaged(f"{key!r} is missing")
    return None if document[key] is None else entry(document, key, kind)


def entries(document, key, kind, where=""):
    """A field that is a list of one kind."""
    return [_of_kind(value, kind, f"{key!r}{where} holds something that") for value in entry(document, key, list, where)]


def number(value, name):
    """A number that float64 can hold, as a float; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Damaged(f"{name} = {_shown(value)} is not a number")
    try:
        return float(value)
    except OverflowError:
        raise Damaged(f"{name} is beyond float64") from None


def _of_kind(value, kind, name):
    if not isinstance(value, kind):
        raise Damaged(f"{name} is not {_KINDS[kind]}: {_shown(value)}")
    return value


def _shown(value):
    text = json.dumps(value, default=str)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
