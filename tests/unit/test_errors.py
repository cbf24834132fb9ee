"""The exception tree, its codes, and that it survives pickling."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any

import pytest

import mooring
from mooring import _errors

TREE = {
    "HTTPError": Exception,
    "HTTPStatusError": _errors.HTTPError,
    "RequestError": _errors.HTTPError,
    "DecodingError": _errors.RequestError,
    "TooManyRedirects": _errors.RequestError,
    "TransportError": _errors.RequestError,
    "NetworkError": _errors.TransportError,
    "CloseError": _errors.NetworkError,
    "ConnectError": _errors.NetworkError,
    "DNSError": _errors.ConnectError,
    "TLSError": _errors.ConnectError,
    "CertificateError": _errors.ConnectError,
    "ReadError": _errors.NetworkError,
    "WriteError": _errors.NetworkError,
    "ProtocolError": _errors.TransportError,
    "LocalProtocolError": _errors.ProtocolError,
    "RemoteProtocolError": _errors.ProtocolError,
    "ProxyError": _errors.TransportError,
    "SSEError": _errors.TransportError,
    "TimeoutException": _errors.TransportError,
    "ConnectTimeout": _errors.TimeoutException,
    "PoolTimeout": _errors.TimeoutException,
    "ReadTimeout": _errors.TimeoutException,
    "WriteTimeout": _errors.TimeoutException,
    "UnsupportedProtocol": _errors.TransportError,
    "InvalidURL": Exception,
    "CookieConflict": Exception,
    "StreamError": RuntimeError,
    "RequestNotRead": _errors.StreamError,
    "ResponseNotRead": _errors.StreamError,
    "StreamClosed": _errors.StreamError,
    "StreamConsumed": _errors.StreamError,
    "HTTPXDeprecationWarning": UserWarning,
}
STREAM_STATES = ["RequestNotRead", "ResponseNotRead", "StreamClosed", "StreamConsumed"]
REQUEST_ERRORS = [
    name for name in TREE if issubclass(getattr(_errors, name), _errors.RequestError)
]


@pytest.mark.parametrize(("name", "parent"), TREE.items())
def test_tree(name: str, parent: type[BaseException]) -> None:
    """Every class is a direct child of the one httpx gives it."""
    assert (parent,) == getattr(_errors, name).__bases__


def test_tree_is_complete() -> None:
    """No class is missing from the table above."""
    assert set(TREE) == set(_errors.__all__)


@pytest.mark.parametrize("name", TREE)
def test_public_name(name: str) -> None:
    """Classes report the module that people import them from."""
    assert getattr(mooring, name) is getattr(_errors, name)
    assert getattr(_errors, name).__module__ == "mooring"


def test_codes_tell_classes_apart() -> None:
    """Each class has a slug of its own."""
    codes = [getattr(_errors, n).code for n in TREE if n != "HTTPXDeprecationWarning"]

    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("name", "exit_code"),
    [
        ("InvalidURL", 3),
        ("DNSError", 6),
        ("ConnectError", 7),
        ("HTTPStatusError", 22),
        ("PoolTimeout", 28),
        ("ReadTimeout", 28),
        ("TLSError", 35),
        ("TooManyRedirects", 47),
        ("WriteError", 55),
        ("ReadError", 56),
        ("CertificateError", 60),
    ],
)
def test_exit_codes_are_those_of_curl(name: str, exit_code: int) -> None:
    """Scripts know these numbers."""
    assert exit_code == getattr(_errors, name).exit_code


def test_request_unset() -> None:
    """Asking for a request that nobody attached says so."""
    with pytest.raises(RuntimeError, match="has not been set"):
        _ = mooring.ReadTimeout("slow").request


def test_request_given_or_set() -> None:
    """The request comes with the constructor or later."""
    request: Any = SimpleNamespace(url="/")
    given = mooring.ReadTimeout("slow", request=request)
    later = mooring.HTTPError("slow")
    later.request = request

    assert request is given.request
    assert request is later.request


@pytest.mark.parametrize("name", REQUEST_ERRORS)
def test_request_errors_pickle(name: str) -> None:
    """Message, request and notes come through a process pool."""
    exc = getattr(_errors, name)("what happened", request={"a": 1})
    exc.add_note("what to do")

    copy = pickle.loads(pickle.dumps(exc))

    assert type(exc) is type(copy)
    assert str(copy) == "what happened"
    assert copy.request == {"a": 1}
    assert copy.__notes__ == ["what to do"]


@pytest.mark.parametrize("name", STREAM_STATES)
def test_stream_errors_pickle(name: str) -> None:
    """Errors that take no arguments pickle too, and say something."""
    exc = getattr(_errors, name)()

    copy = pickle.loads(pickle.dumps(exc))

    assert type(exc) is type(copy)
    assert str(exc) == str(copy) != ""


@pytest.mark.parametrize("name", ["InvalidURL", "CookieConflict", "StreamError"])
def test_plain_errors_pickle(name: str) -> None:
    """Errors apart from the tree pickle as well."""
    copy = pickle.loads(pickle.dumps(getattr(_errors, name)("why")))

    assert copy.args == ("why",)


def test_status_error_pickles() -> None:
    """Request and response travel with a status error."""
    request: Any = {"request": 1}
    response: Any = {"response": 1}
    exc = mooring.HTTPStatusError("404", request=request, response=response)

    copy = pickle.loads(pickle.dumps(exc))

    assert ("404", request, response) == (str(copy), copy.request, copy.response)


def test_an_instance_can_be_finer_than_its_class() -> None:
    """A short body is 18 to curl, though its class says otherwise."""
    exc = mooring.RemoteProtocolError("closed after 2 of 100 body bytes")
    exc.exit_code = 18

    assert (exc.exit_code, mooring.RemoteProtocolError.exit_code) == (18, 8)
