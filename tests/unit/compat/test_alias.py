"""``install_as``: mooring in the place of httpx and httpx2."""

from __future__ import annotations

from pathlib import Path

import pytest

import mooring
from tests.unit.compat.programs import output_of, under_alias


def test_the_classes_are_ours_under_both_names() -> None:
    """What ``import httpx`` gives is mooring, whatever the module is called."""
    program = """
import httpx, httpx2
print(httpx.Client is httpx2.Client is mooring.Client, httpx.Client.__module__)
print(httpx.HTTPTransport is mooring.HTTPTransport, httpx.codes is mooring.codes)
"""
    assert "True mooring\nTrue True" == under_alias(program)


def test_each_alias_tells_the_version_of_its_api() -> None:
    """Released code compares versions; mooring's own stays what it is."""
    program = """
import httpx, httpx2, httpcore, httpcore2
print(httpx.__version__, httpx2.__version__, httpcore.__version__)
import httpx.__version__
from httpx.__version__ import __version__
print(httpx.__version__, __version__, mooring.__version__)
"""
    versions = "0.28.1 2.16.2 1.0.9\n0.28.1 0.28.1 " + mooring.__version__

    assert versions == under_alias(program)


def test_a_submodule_is_one_object_however_it_is_reached() -> None:
    """No second copy of a class is ever loaded."""
    program = """
import httpx, httpx2
attribute = httpx._client
import httpx._client, httpx2._client
from httpx._transports.default import HTTPTransport
print(attribute is httpx._client is httpx2._client)
print(HTTPTransport is mooring.HTTPTransport)
print(httpx._client.__spec__.name)
"""
    answer = "True\nTrue\nmooring.compat.facade._client"

    assert answer == under_alias(program)


def test_what_is_not_there_is_told_of_by_the_name_asked_for() -> None:
    """A module or name that httpx has not either fails as it does there."""
    program = """
import httpx
try:
    import httpx._nothing
except ModuleNotFoundError as error:
    print(error)
try:
    httpx.nothing
except AttributeError as error:
    print(error)
try:
    import httpx._client.Client
except ModuleNotFoundError as error:
    print(error)
"""
    assert [
        "No module named 'httpx._nothing'",
        "module 'httpx' has no attribute 'nothing'",
        "No module named 'httpx._client.Client'; 'httpx._client' is not a package",
    ] == under_alias(program).splitlines()


def test_installing_again_changes_nothing() -> None:
    """The second call leaves the alias, and what was patched into it, as they are."""
    program = """
import httpx
httpx.mine = 1
finders = list(sys.meta_path)
mooring.install_as("httpx2", "httpx")
mooring.alias_httpx()
import httpx as again
print(again.mine, finders == sys.meta_path)
"""
    assert "1 True" == under_alias(program)


def test_the_alias_outlives_an_emptied_module_table() -> None:
    """Test runners that drop modules do not bring the real package in."""
    program = """
import httpx, importlib
first = httpx
for name in [name for name in sys.modules if name.split(".")[0] == "httpx"]:
    del sys.modules[name]
import httpx, httpx._client
print(httpx is first, httpx._client.Client is mooring.Client)
print(importlib.reload(httpx) is first, httpx.__version__)
"""
    assert "True True\nTrue 0.28.1" == under_alias(program)


def test_the_alias_counts_as_installed() -> None:
    """``find_spec``, which tells optional dependencies, finds it."""
    program = """
import importlib.util
print(importlib.util.find_spec("httpx").name, repr(sys.modules["httpx"]))
print("Client" in dir(sys.modules["httpx"]), "get" in sys.modules["httpx"].__all__)
"""
    answer = "httpx <module 'httpx', which is mooring>\nTrue True"

    assert answer == under_alias(program)


def test_it_refuses_when_the_real_one_is_there(tmp_path: Path) -> None:
    """Then classes of two packages would mix; nothing has been changed by then."""
    (tmp_path / "httpcore.py").write_text("")
    program = """
import sys, mooring, httpcore
try:
    mooring.install_as("httpx2", "httpx")
except RuntimeError as error:
    print(error)
    print(error.__notes__[0])
print([name for name in ("httpx", "httpx2", "httpcore2") if name in sys.modules])
"""
    assert [
        "cannot install mooring as 'httpcore': the real one is imported already",
        "call mooring.install_as() before the first import of it, or start the program"
        " with 'python -m mooring.run'",
        "[]",
    ] == output_of("-c", program, folder=tmp_path).splitlines()


@pytest.mark.parametrize("names", [(), ("requests",), ("httpx", "httpcore")])
def test_other_names_are_refused(names: tuple[str, ...]) -> None:
    """The names are 'httpx' and 'httpx2'; httpcore comes by itself."""
    with pytest.raises(ValueError, match="'httpx' and 'httpx2'"):
        mooring.install_as(*names)


def test_alias_httpx_is_for_httpx_alone() -> None:
    """As with the function of that name in httpx2, which is the other package."""
    program = """
import sys, mooring
mooring.alias_httpx()
names = ("httpx", "httpcore", "httpx2", "httpcore2")
print([name for name in names if name in sys.modules])
"""
    assert "['httpx', 'httpcore']" == output_of("-c", program)


def test_a_name_patched_by_its_path_is_patched_for_all() -> None:
    """Mocking by a dotted path of the real package reaches our classes."""
    program = """
from unittest import mock
import httpx2
with mock.patch("httpx._client.Client.send", return_value="patched"):
    print(httpx2.get("http://127.0.0.1:1"))
with mock.patch("httpx.HTTPTransport", None):
    import httpx
    print(httpx.HTTPTransport)
print(httpx.HTTPTransport is mooring.HTTPTransport)
"""
    assert "patched\nNone\nTrue" == under_alias(program)


def test_classes_are_pickled_by_our_name() -> None:
    """A pickle made under the alias is read without it."""
    program = """
import pickle, httpx
data = pickle.dumps([httpx.Headers({"a": "b"}), httpx.Request("GET", "http://a/")])
print(b"httpx" in data, pickle.loads(data))
"""
    assert under_alias(program).startswith("False [Headers({'a': 'b'}), <Request")


def test_request_lines_go_to_the_logger_of_the_name() -> None:
    """Programs that watch the logger "httpx" still see their requests, redacted."""
    program = """
import logging, sys
logging.basicConfig(stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")
logging.getLogger("httpx").setLevel(logging.INFO)
import httpx
transport = httpx.MockTransport(lambda request: httpx.Response(204))
httpx.Client(transport=transport).get("http://u:p@a.test/?token=1&page=2")
"""
    line = '"HTTP/1.1 204 No Content"'
    url = "http://a.test/?token=[redacted]&page=2"

    assert f"httpx INFO HTTP Request: GET {url} {line}" == under_alias(program)
