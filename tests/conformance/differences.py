"""What differs on purpose, and why: one entry for each name that rows are marked with.

The migration page shows the same list; ``python -m tests.conformance`` writes it there.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["HTTPX", "OURS", "Difference"]


class Difference(NamedTuple):
    """One difference, in words for the migration page."""

    theirs: str
    ours: str
    why: str = ""


# mooring is unlike httpx2, and mostly unlike httpx.
OURS = {
    "ambiguous-hosts": Difference(
        "`https://127.1/`, `https://0x7f.1/`, `https://a b/` and `https://[bad/` are"
        " URLs, and so is a backslash or a second `@` before the host, and `//` where"
        " a path is meant.",
        "`InvalidURL`",
        "Two parsers read them as different hosts, and the one that checks is rarely"
        " the one that connects.",
    ),
    "bad-cookies": Difference(
        "`cookies.set()` takes a value with `;` or a line break in it.",
        "`ValueError`",
        "It would end the cookie, or the header field, in the middle.",
    ),
    "basic-colon": Difference(
        "A user name with a colon in it is sent.",
        "`ValueError`",
        "RFC 7617, section 2: the server would read another name, and a password"
        " that begins with the rest of yours.",
    ),
    "bytes-like": Difference(
        "`content=bytearray(...)`, `content=memoryview(...)`, a file given as a list"
        " `[name, content]` and a method in bytes fail late or send nonsense.",
        "They are taken.",
        "It is clear what is meant.",
    ),
    "charset-parsing": Difference(
        "`charset_encoding` keeps single quotes; an empty charset is `''`.",
        "Quotes of either kind are taken off; an empty charset is `None`.",
        "The charset is decoded with either way.",
    ),
    "chunk-size": Difference(
        "`iter_bytes(0)` gives empty chunks, or an error about `range()`.",
        "`ValueError` that says what is allowed.",
        "No chunk can have that size.",
    ),
    "control-characters": Difference(
        "A reason phrase goes into error texts as it came.",
        "Control characters are escaped, and 100 characters are enough.",
        "A server must not write to your terminal.",
    ),
    "cookie-rules": Difference(
        "Cookies follow Netscape's rules, as `http.cookiejar` knows them: sub-domains"
        " get them without a `Domain`, `__Host-` means nothing, an odd attribute loses"
        " the cookie, a letter with an accent breaks the next request.",
        "They follow RFC 6265bis, as in browsers.",
        "Servers are written for browsers.",
    ),
    "cookie-values": Difference(
        "`Cookies({'a': 1})` is taken, and sending it fails.",
        "`TypeError` where it is set.",
        "The mistake is found where it is made.",
    ),
    "cookies-pickle": Difference(
        "`Cookies` cannot be pickled.",
        "They can.",
        "Sessions are worth keeping.",
    ),
    "default-ports": Difference(
        "`HTTP://example.org:80/` keeps its port, because the scheme is in capitals.",
        "`http://example.org/`",
        "The two are equal.",
    ),
    "digest": Difference(
        "Digest authentication with `auth-int` alone is not implemented; a challenge"
        " that cannot be parsed is a `ValueError`.",
        "`auth-int` is done; such a challenge is a `ProtocolError`.",
        "It is the server's mistake.",
    ),
    "dot-segments": Difference(
        "`/a/..` becomes the empty path.",
        "`/a/..` becomes `/`.",
        "RFC 3986, section 5.2.4.",
    ),
    "elapsed-always": Difference(
        "`elapsed` raises if a transport gave a response that had been read.",
        "It is the time until the client had the response.",
        "Tests use such responses.",
    ),
    "errors-pickle": Difference(
        "`HTTPStatusError` and the stream errors cannot be unpickled.",
        "They can, with request and response.",
        "Process pools and task queues send errors home.",
    ),
    "framing-fields": Difference(
        "A `Response` made with `Transfer-Encoding` and content gets a"
        " `Content-Length` too.",
        "It does not.",
        "RFC 9112, section 6.2, forbids having both.",
    ),
    "frozen-limits": Difference(
        "`Limits` can be changed after a client was made of them, without effect.",
        "`AttributeError`; `limits.replace(...)` gives a changed copy. They are"
        " hashable.",
        "An assignment that does nothing misleads.",
    ),
    "gzip-members": Difference(
        "Of several gzip members in a row the first is decoded.",
        "All are decoded.",
        "RFC 1952, section 2.2.",
    ),
    "half-made-client": Difference(
        "`is_closed` raises `AttributeError` if `__init__` failed.",
        "It is `True`.",
        "Subclasses ask in `__del__`.",
    ),
    "ipv6-netloc": Difference(
        "`url.copy_with(netloc=b'[::1]:1')` is an `InvalidURL`.",
        "It is taken.",
        "It is what `url.netloc` gives.",
    ),
    "json-next-to-data": Difference(
        "`json=` next to `data=` or `files=` is dropped silently.",
        "`TypeError`",
        "Half of the body got lost.",
    ),
    "links": Difference(
        "A parameter of a `Link` with a second `=` in it ends the link.",
        "The value may have one.",
        "RFC 8288, section 3: it is quoted text.",
    ),
    "odd-codecs": Difference(
        "A charset such as `hex` or `unicode-escape` raises from `text`.",
        "Such charsets count as unknown.",
        "It is the server that chooses, and some of these codecs take quadratic time.",
    ),
    "pickled-body": Difference(
        "The body of an unpickled request can be read but not sent.",
        "It can be sent if it was in memory.",
        "It is there.",
    ),
    "ports": Difference(
        "Port `99999`, `-1` and digits of other scripts are taken.",
        "`InvalidURL`",
        "Connecting to them fails with a message about name resolution.",
    ),
    "redirect-body-fields": Difference(
        "A redirect that turns POST into GET keeps `Content-Type` and the like.",
        "Fields that describe the dropped body are dropped with it.",
        "RFC 9110, section 15.4.",
    ),
    "redirect-credentials": Difference(
        "A redirect to another origin keeps `Proxy-Authorization`.",
        "It is dropped, as `Authorization` is.",
        "It is a credential.",
    ),
    "redirect-schemes": Difference(
        "A redirect to `ftp:` or `mailto:` goes to the transport, or is called an"
        " invalid URL.",
        "`UnsupportedProtocol`",
        "It is neither: it is a URL that an HTTP client does not follow.",
    ),
    "redirect-userinfo": Difference(
        "User name and password in a `Location` are sent to the new server.",
        "They are left out.",
        "The server that redirects has no business choosing your credentials.",
    ),
    "replay": Difference(
        "A second pass over a file as `content=` sends nothing, over a multipart form"
        " with a file that cannot seek an empty file.",
        "A file that can seek is sent again from where it stood; otherwise"
        " `StreamConsumed`.",
        "Redirects and authentication send bodies twice.",
    ),
    "secrets-hidden": Difference(
        "Passwords in URLs, cookies and proxy credentials are shown by `repr()` and by"
        " the texts of errors.",
        "`[secure]` in their place.",
        "Both end up in logs.",
    ),
    "spaces-around": Difference(
        "A space before a URL makes it relative; one behind is sent as `%20`.",
        "`InvalidURL`",
        "Browsers drop it and others send it; nobody means it.",
    ),
    "sse-bom": Difference(
        "A byte order mark before the first server-sent event hides that event.",
        "It is left out.",
        "The format says so.",
    ),
    "truncated": Difference(
        "A compressed body that ends too early is taken for complete.",
        "`DecodingError`",
        "Data is missing.",
    ),
    "type-errors": Difference(
        "A value of a wrong type ends in `AttributeError`, `AssertionError` or"
        " `IndexError` from inside.",
        "`TypeError` or `ValueError` with a text, or the plain answer to a question"
        " such as `1 in headers`.",
        "The message is about your code, not about ours.",
    ),
    "unawaited": Difference(
        "An async handler of `MockTransport` in a sync client raises, and warns of a"
        " coroutine that was never awaited.",
        "It raises.",
        "One message is enough.",
    ),
    "values-checked-early": Difference(
        "`Timeout('5')`, `Timeout(-1)`, `Limits(max_connections=-1)` and a tuple of"
        " timeouts next to named ones are taken.",
        "`TypeError` or `ValueError`",
        "They fail later, or mean something else than they say.",
    ),
    "verify-paths": Difference(
        "`verify='/path'` and `cert=` are deprecated; of a path that is not there the"
        " error names nothing.",
        "They are not; the error names path and argument.",
        "There is nothing wrong with them.",
    ),
    "wording": Difference(
        "The text of some errors of the same class: decoding, multipart, redirects,"
        " Digest, events, abstract methods, `StreamConsumed`.",
        "Other words, with host, limit or value in them.",
        "Match on classes, or on the first words.",
    ),
    "x-gzip": Difference(
        "`Content-Encoding: x-gzip` is not decoded.",
        "It is.",
        "RFC 9110, section 8.4.1.3.",
    ),
}

# httpx is unlike httpx2, and mooring does as httpx2 does.
HTTPX = {
    "closing": Difference(
        "A dropped iterator over a body leaves the response open.",
        "The response is closed.",
    ),
    "codes-names": Difference(
        "`codes` has the names of RFC 7231 only.",
        "It has those of RFC 9110 (`CONTENT_TOO_LARGE`); the old ones warn.",
    ),
    "codings": Difference(
        "zstd needs a package; any number of stacked codings is undone.",
        "zstd is decoded with the extra `zstd`, or Python 3.14; at most 5 codings.",
    ),
    "file-position": Difference(
        "`Content-Length` of a file is its whole size.",
        "It is what is left from where the file stands.",
    ),
    "framing-fields": Difference(
        "A `Transfer-Encoding` of yours gets a `Content-Length` beside it.",
        "It does not.",
    ),
    "grammar": Difference(
        "Errors say `an sync stream`.",
        "Errors say `a sync stream`.",
    ),
    "new-in-httpx2": Difference(
        "No `Origin`, `URL.origin`, `FunctionAuth`, `query()`, `Headers | dict`"
        " and `sse()`.",
        "They exist.",
    ),
    "query-verb": Difference(
        "QUERY is a method like any other.",
        "It gets `Content-Length: 0` without a body, and 302 does not turn it into"
        " GET.",
    ),
    "raw-warning": Difference(
        "`URL.raw` warns with `UserWarning`.",
        "It warns with `HTTPXDeprecationWarning`, a subclass.",
    ),
    "relative-without-base": Difference(
        "A relative URL without `base_url` is a `ValueError` of the cookie jar.",
        "It goes to the transport, which says what is wrong.",
    ),
    "response-cookies": Difference(
        "`Response(200).cookies` raises without a request.",
        "It is empty.",
    ),
}
