"""The examples of the documents, as `make docs` reads and rewrites them."""

from __future__ import annotations

from tests.documentation.examples import Example, Typed, read_examples, rewrite_examples

DOCUMENT = """\
```console
$ make demo
$ docker build \\
    .
```

<!-- run: touch it -->

```console
$ cat a
old
$ cat b | \\
    tee c
```

```yaml
$ no: example
```
"""
PRINTED = {"cat a": "new\nlines\n", "cat b | \\\n    tee c": "b\n"}


def test_a_block_holds_commands_and_what_they_print() -> None:
    assert read_examples(DOCUMENT) == [
        Example(None, (Typed("make demo", ""), Typed("docker build \\\n    .", ""))),
        Example("touch it", (Typed("cat a", "old\n"), Typed("cat b | \\\n    tee c", ""))),
    ]


def test_what_is_run_gets_its_output_and_everything_else_stays() -> None:
    assert rewrite_examples(DOCUMENT, PRINTED.__getitem__, print) == DOCUMENT.replace(
        "old\n", "new\nlines\n"
    ).replace("tee c\n", "tee c\nb\n")


def test_a_block_of_a_list_stays_in_it() -> None:
    item = "1. See:\n\n   <!-- run: -->\n\n   ```console\n   $ cat a\n   ```\n"
    (example,) = read_examples(item)

    assert example.typed == (Typed("cat a", ""),)
    assert rewrite_examples(item, PRINTED.__getitem__, print) == item.replace(
        "cat a\n", "cat a\n   new\n   lines\n"
    )


def test_the_preparation_comes_first_and_the_commands_in_their_order() -> None:
    ran: list[str] = []

    def run(command: str) -> str:
        ran.append(command)
        return ""

    rewrite_examples(DOCUMENT, run, ran.append)

    assert ran == ["touch it", *PRINTED]


def test_a_size_a_hash_or_a_time_that_differs_is_no_news() -> None:
    shown = f"<!-- run: -->\n```console\n$ it\na.whl  new  1896  {'0' * 64} in 0.5 s\n```\n"
    other = f"a.whl  new  1901  {'f' * 64} in 12.0 s\n"

    assert rewrite_examples(shown, lambda _: other, print) == shown
    assert rewrite_examples(shown, lambda _: other.replace("new", "old"), print) != shown
