"""The codes of all findings in functions. A code never changes its meaning, nor is used again.

An error fails Google's build or gives a secret away, and refuses; a warning does neither.
"""

from __future__ import annotations

from steps.host.errors import Code, code_table

CODES = {
    "SW801": Code("error", "`main.py` is missing"),
    "SW802": Code("error", "`main.py` is not valid Python"),
    "SW803": Code("error", "the entry point is not in `main.py`"),
    "SW811": Code("error", "a package of this repository is required, and not in the registry"),
    "SW812": Code("error", "the registry holds no version that a requirement admits"),
    "SW813": Code("error", "the only index that pip asks does not hold a requirement"),
    "SW814": Code("warning", "a private requirement is not pinned by `==`"),
    "SW815": Code("error", "some requirements have hashes, and another has none: pip refuses"),
    "SW816": Code("warning", "what `requirements.txt` was pinned from, or for, has changed since"),
    "SW821": Code("warning", "`--extra-index-url`: dependency confusion"),
    "SW822": Code("error", "an index line for another registry"),
    "SW823": Code("warning", "a keyring package: Google's build asks none"),
    "SW824": Code("error", "a token or a key in a file"),
    "SW825": Code("error", "`--no-index`: pip ignores the index line"),
    "SW831": Code("error", "Python 3.14 or newer is built with uv, which may have no credentials"),
    "SW832": Code("warning", "`pyproject.toml` is built with uv, which may have no credentials"),
    "SW833": Code("warning", "`requirements.txt` beside `pyproject.toml`, which is then not read"),
    "SW834": Code("warning", "`functions-framework` is not required: any version is installed"),
    "SW835": Code("error", "`functions-framework` is not required, and has to be"),
    "SW841": Code("error", "a local path is required that is not uploaded"),
    "SW842": Code("error", "gcloud does not upload a file that the function needs"),
    "SW843": Code("error", "a local directory is required that is no project"),
    "SW851": Code("error", "a token is to be written into a file that git tracks"),
    "SW852": Code("error", "a token is to be written into a file that git does not ignore"),
}


def table() -> str:
    """Return all codes as the Markdown table of the documentation."""
    return code_table(CODES) + "\n"
