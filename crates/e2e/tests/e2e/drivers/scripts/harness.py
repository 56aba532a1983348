"""What the Python scripts share: their arguments, named checks, and the end.

    python3 test_DRIVER.py URL [AUTHORITY STRANGER]

URL has user and password. AUTHORITY is the certificate that signed the server's: with
it, every connection is encrypted and verified. STRANGER has signed nothing.
"""

import inspect
import sys
import time
import traceback
from urllib.parse import unquote, urlsplit

URL = sys.argv[1]
AUTHORITY, STRANGER = (sys.argv[2:4] + [None, None])[:2]

_parts = urlsplit(URL)
USER, PASSWORD = unquote(_parts.username), unquote(_parts.password)
HOST, PORT, DATABASE = _parts.hostname, _parts.port, _parts.path[1:]

#: What no two of the types, encodings and escapings treat alike.
TEXTS = [
    "",
    "it's",
    'say "x"',
    "back\\slash \\n",
    "percent % %s {} ? $1 :name",
    "tab\tnewline\nreturn\r",
    "é ß Ω ж 中文 עברית",
    "\U0001f418 e\u0301",
    "NULL",
    "x" * 70_000,
]

#: Larger than any buffer on the way.
MEGABYTE = "äöü€" * 100_000
BYTES = bytes(range(256)) * 4096

_failed = []


def url(user=USER, password=PASSWORD, database=DATABASE, scheme="postgresql"):
    """Another login at the same place."""
    return f"{scheme}://{user}:{password}@{HOST}:{PORT}/{database}"


def check(function):
    """Runs a check, a coroutine function in its own event loop, to its end."""
    begin = time.monotonic()
    try:
        if inspect.iscoroutinefunction(function):
            import asyncio

            asyncio.run(function())
        else:
            function()
    except Exception as error:
        _failed.append(function.__name__)
        told = traceback.format_exception(error, limit=-8, chain=False)
        print(f"FAILED  {function.__name__}\n{''.join(told)}")
    else:
        print(f"ok      {function.__name__} ({time.monotonic() - begin:.1f} s)")
    sys.stdout.flush()
    return function


def raises(kind, function, *args, **kwargs):
    """The error of `kind` that a call ends with; no error is one."""
    try:
        function(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"no {kind} from {function} with {args}")


def end():
    if _failed:
        sys.exit("failed: " + ", ".join(_failed))
    print("all done")
