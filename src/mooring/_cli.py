"""The command line: ``mooring get URL``.

The body goes to standard output and nothing else does, unless that is a terminal.
Exit codes are curl's, because scripts know them. What a command needs is imported
when it runs, so that ``--help`` and ``--version`` answer at once.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, TextIO

if TYPE_CHECKING:
    from mooring._client._sync.client import Client
    from mooring._messages.response import Response

USAGE, CANNOT_WRITE, INTERRUPTED = 2, 23, 130
STATUS_FAILED = 22

EPILOG = """\
where things go:
  On a terminal: status line, headers and body to standard output. Otherwise the
  body alone goes to standard output (or to FILE) and the rest to standard error.
  Compressed bodies are written unpacked.

exit codes (curl's):
  0 ok  1 unsupported scheme  2 usage  3 bad URL  6 host not resolved
  7 could not connect  8 not HTTP  18 body cut short  22 status >= 400 with --fail
  23 cannot write  28 timeout  35 TLS handshake  47 too many redirects
  52 empty reply  55 cannot send  56 cannot receive  60 certificate not trusted
  61 body cannot be unpacked  130 Ctrl-C
"""


class Unwritable(Exception):
    """The output, not the network, failed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        options = _parser().parse_args(arguments)
        return _get(options)
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mooring", description="An HTTP client.")
    parser.add_argument("--version", action=_PrintVersion, nargs=0)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    get = commands.add_parser(
        "get",
        help="fetch a URL",
        description="Fetch a URL: print its status, its headers and its body.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = get.add_argument
    add("url", metavar="URL", help="example.org/x is https://, :8000/x is localhost")
    add("-o", "--output", metavar="FILE", help="write the body to FILE")
    add("-I", "--head", action="store_true", help="send HEAD: headers, no body")
    add(
        "-H",
        "--header",
        metavar="'NAME: VALUE'",
        action="append",
        default=[],
        type=_header,
        help="add a header field; repeatable",
    )
    add("-L", "--location", action="store_true", help="follow redirects")
    add("-f", "--fail", action="store_true", help="no body and exit 22 on >= 400")
    add(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=30.0,
        help="longest wait for connecting and for the next data (default: 30)",
    )
    add("--no-verify", action="store_true", help="do not check certificates")
    return parser


class _PrintVersion(argparse.Action):
    """Unlike argparse's own, asks for the version only when it is wanted."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        # The package is loaded already; importing from it here would be a step
        # sideways, to all that stands in its shop window.
        version = vars(sys.modules["mooring"])["__version__"]
        sys.stdout.write(f"mooring {version}\n")
        parser.exit()


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 'Name: value'")
    return name, value.strip(" \t")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be a positive number of seconds")
    return seconds


def _get(options: argparse.Namespace) -> int:
    """Carry out ``mooring get`` and turn every failure into one line and a code."""
    from mooring._errors import HTTPError, InvalidURL

    try:
        return _fetch(options)
    except (HTTPError, InvalidURL) as error:
        _complain(error)
        return error.exit_code
    except Unwritable as failure:
        cause = failure.__cause__
        if isinstance(cause, BrokenPipeError):
            _discard_stdout()  # who read it has what they wanted, as with head(1)
        else:
            _complain(failure)
        return CANNOT_WRITE


def _fetch(options: argparse.Namespace) -> int:
    from mooring._client._sync.client import Client

    if options.no_verify:
        _say("warning: certificates are not checked (--no-verify)")
    with Client(
        verify=not options.no_verify,
        timeout=options.timeout,
        follow_redirects=options.location,
    ) as client:
        return _exchange(client, options)


def _exchange(client: Client, options: argparse.Namespace) -> int:
    method = "HEAD" if options.head else "GET"
    url = _expanded(options.url)
    with client.stream(method, url, headers=options.header) as response:
        _print_head(response)
        if options.fail and response.status_code >= 400:
            _say(
                f"{response.url.host} answered "
                f"{response.status_code} {_printable(response.reason_phrase)}".rstrip()
            )
            return STATUS_FAILED
        _write_body(response, options.output)
    return 0


def _expanded(url: str) -> str:
    """Fill in what people leave out of a URL."""
    if "://" in url:
        return url
    if url.startswith(":"):
        return f"http://localhost{url}"
    return f"https://{url}"


def _print_head(response: Response) -> None:
    target = sys.stdout if sys.stdout.isatty() else sys.stderr
    reason = f" {response.reason_phrase}" if response.reason_phrase else ""
    lines = [f"{response.http_version} {response.status_code}{reason}"]
    for name, value in response.headers.raw:  # as they came: case and order
        lines.append(f"{name.decode('latin-1')}: {value.decode('latin-1')}")
    _write_text(target, "".join(f"{_printable(line)}\n" for line in [*lines, ""]))


def _printable(text: str) -> str:
    """Escape what a server could steer a terminal with."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _write_body(response: Response, path: str | None) -> None:
    """Write the body as it comes. *path* is opened only now that there is one."""
    # The network's failures are HTTPErrors by now: an OSError is the output's.
    try:
        if path is None:
            _copy(response, sys.stdout.buffer, text_only=sys.stdout.isatty())
        else:
            with open(path, "wb") as file:
                _copy(response, file, text_only=False)
    except OSError as error:
        raise _unwritable(path or "standard output", error) from error


def _copy(response: Response, target: BinaryIO, *, text_only: bool) -> None:
    for piece in response.iter_bytes():
        if text_only and b"\0" in piece:
            raise Unwritable("the body is binary; write it to a file with -o FILE")
        target.write(piece)
        target.flush()  # what comes slowly is shown as it comes


def _write_text(target: TextIO, text: str) -> None:
    try:
        encoding = target.encoding or "ascii"
        # A terminal that is not UTF-8 gets escapes, not an exception.
        target.write(text.encode(encoding, "backslashreplace").decode(encoding))
        target.flush()
    except OSError as error:
        raise _unwritable("the headers", error) from error


def _unwritable(name: str, error: OSError) -> Unwritable:
    reason = error.strerror or os.strerror(error.errno or errno.EIO)
    return Unwritable(f"cannot write {name}: {reason}")


def _complain(error: Exception) -> None:
    """Write the one line of *error*, and under it what may help."""
    _say(str(error))
    for note in getattr(error, "__notes__", ()):
        _say(f"  {note}", prefix="")


def _say(text: str, *, prefix: str = "mooring: ") -> None:
    try:
        print(f"{prefix}{_printable(text)}", file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody is left to be told


def _discard_stdout() -> None:
    """Let the interpreter's last flush go nowhere instead of failing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
