"""tools/unasync.py: what a twin says, and what --check finds."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tools import unasync


def twin(source: str) -> str:
    """Convert dedented *source*, without the notice at the end."""
    text = unasync.convert(dedent(source), "x.py")
    body, notice, rest = text.rpartition(unasync.NOTICE.format(path="x.py"))
    assert notice
    assert "\n" == rest
    return body


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AsyncClient", "Client"),
        ("_AsyncBody", "_Body"),
        ("AsyncByteStream", "SyncByteStream"),
        ("AsyncIteratorByteStream", "IteratorByteStream"),
        ("AsyncIterator", "Iterator"),
        ("AbstractAsyncContextManager", "AbstractContextManager"),
        ("StopAsyncIteration", "StopIteration"),
        ("__aenter__", "__enter__"),
        ("__anext__", "__next__"),
        ("aclose", "close"),
        ("_aclose_quietly", "_close_quietly"),
        ("aread", "read"),
        ("aiter_bytes", "iter_bytes"),
        ("handle_async_request", "handle_request"),
        ("async_auth_flow", "sync_auth_flow"),
        ("_async", "_sync"),
        ("asynccontextmanager", "contextmanager"),
    ],
)
def test_names_that_change(name: str, expected: str) -> None:
    """Names of the asynchronous world have one counterpart each."""
    assert expected == unasync.rename(name)


@pytest.mark.parametrize(
    "name",
    ["asyncio", "Asynchronous", "already", "areader", "areas", "close", "sync", "A"],
)
def test_names_that_stay(name: str) -> None:
    """A name that only looks like one of ours is left alone."""
    assert name == unasync.rename(name)


def test_keywords_go() -> None:
    """Async def, with, for, comprehensions and await lose their colour."""
    source = """
        async def f(a):
            async with a as b, c:
                async for d in b:
                    return [await e for e in d], [g async for g in (await d)]
        """
    expected = """
        def f(a):
            with a as b, c:
                for d in b:
                    return [e for e in d], [g for g in (d)]
        """

    assert dedent(expected) == twin(source)


def test_imports_follow_the_folder() -> None:
    """Module paths with _async in them lead to the twin."""
    assert (
        "from mooring._shell._sync.pool import Pool\nfrom ._sync import x\n"
    ) == twin(
        "from mooring._shell._async.pool import AsyncPool\nfrom ._async import x\n"
    )


def test_comments_stay() -> None:
    """A comment is never changed, whatever it names."""
    source = "x = 1  # await AsyncClient.aclose()\n"

    assert source == twin(source)


def test_ordinary_strings_stay() -> None:
    """A string with more in it than a name is data."""
    source = "x = 'an AsyncClient', \"await this\", b'async def'\n"

    assert source == twin(source)


def test_strings_that_are_names_change() -> None:
    """__all__, getattr and quoted annotations hold names."""
    assert "__all__ = ['Client']; getattr(x, \"close\")\n" == twin(
        "__all__ = ['AsyncClient']; getattr(x, \"aclose\")\n"
    )


def test_fields_of_f_strings_change() -> None:
    """Code inside the braces is code; text and doubled braces are not."""
    assert 'f"AsyncX {x.read()!r} {{AsyncX}}"\n' == twin(
        'f"AsyncX {await x.aread()!r} {{AsyncX}}"\n'
    )


def test_tokens_after_an_f_string_keep_their_place() -> None:
    """One f-string, nested or not, does not shift what follows it."""
    assert "x = f'{f\"{a}\"}' + Client\n" == twin("x = f'{f\"{a}\"}' + AsyncClient\n")


def test_docstrings_speak_of_the_twin() -> None:
    """Quoted code, examples and class names are changed, prose is not."""
    source = '''
        """An asynchronous client: AsyncClient, ``await x.aread()``; we aread on.

        Example::

            async with AsyncClient() as client:
                await client.aclose()

        We await an answer.

        >>> await aclose()
        """
        '''
    expected = '''
        """A synchronous client: Client, ``x.read()``; we aread on.

        Example::

            with Client() as client:
                client.close()

        We await an answer.

        >>> close()
        """
        '''

    assert dedent(expected) == twin(source)


def test_a_string_in_an_expression_is_no_docstring() -> None:
    """Only a string that is a statement is read as documentation."""
    source = "x = (\n    'see ``await x``'\n)\ny('``await x``')\n"

    assert source == twin(source)


def test_lines_stay_where_they_are() -> None:
    """Every statement is on the line it came from: blank lines, brackets and all."""
    source = "\n\nx = (\n    await  f(\n\n    )\n)\n\n# end\n"

    assert "\n\nx = (\n    f(\n\n    )\n)\n\n# end\n" == twin(source)


def test_the_notice_replaces_a_comment_on_line_one() -> None:
    """A source that begins with a comment gives its place to the notice."""
    converted = unasync.convert("# Source of a twin.\nimport x\n", "a/b.py")

    assert (
        "# Generated by tools/unasync.py from a/b.py; do not edit.\nimport x\n"
    ) == converted


def test_an_empty_source_gives_only_the_notice() -> None:
    """An empty __init__.py has a twin, too."""
    assert "" == twin("")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "src/mooring/_shell/_async"
    folder.mkdir(parents=True)
    (folder / "pool.py").write_text("class AsyncPool: ...\n")
    return tmp_path


def test_write_then_check(root: Path) -> None:
    """What was just written is up to date, and writing again changes nothing."""
    twin_path = root / "src/mooring/_shell/_sync/pool.py"

    assert [twin_path] == unasync.write(root)
    assert twin_path.read_text().startswith("class Pool: ...\n")
    assert [] == unasync.check(root)
    assert [] == unasync.write(root)


def test_check_finds_a_missing_twin(root: Path) -> None:
    """A source without its twin fails the check."""
    assert [
        "src/mooring/_shell/_sync/pool.py: missing, run tools/unasync.py"
    ] == unasync.check(root)


@pytest.mark.parametrize("text", ["", "class Pool: ...\n", "class Pool: ...\n# tail"])
def test_check_compares_whole_files(root: Path, text: str) -> None:
    """A twin that ends too early or too late is not up to date."""
    unasync.write(root)
    (root / "src/mooring/_shell/_sync/pool.py").write_text(text)

    assert [
        "src/mooring/_shell/_sync/pool.py: not up to date, run tools/unasync.py"
    ] == unasync.check(root)


def test_strays_are_found_and_removed(root: Path) -> None:
    """A file in _sync that has no source is reported, then deleted."""
    unasync.write(root)
    stray = root / "src/mooring/_shell/_sync/old.py"
    stray.write_text("x = 1\n")

    assert ["src/mooring/_shell/_sync/old.py: has no _async source"] == unasync.check(
        root
    )
    assert [stray] == unasync.write(root)
    assert not stray.exists()


def test_the_command_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check exits with 1 until the twins have been written."""
    at_root = ["--root", str(root)]

    assert 1 == unasync.main(["--check", *at_root])
    assert 0 == unasync.main(at_root)
    assert 0 == unasync.main(["--check", *at_root])
    assert capsys.readouterr().out.endswith("every twin is up to date\n")
