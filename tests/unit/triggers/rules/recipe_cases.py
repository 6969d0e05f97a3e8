"""The old recipe in build configs and templates, as tutorials write it, and what comes nearest."""

from __future__ import annotations

from tests.unit.triggers.rules.file_cases import steps
from tests.unit.triggers.rules.repository_cases import MANIFEST, WHOLE, Files

URL = "https://us-central1-python.pkg.dev/p/pypi/"


def config(text: str) -> Files:
    return {"cloudbuild.yaml": text}


def script(*lines: str, code: str = "") -> Files:
    """Return a build config with a script of *lines*, in which *code* is found."""
    return config(steps(f"  script: |  # {code}", *(f"    {line}" for line in lines)))


def runs(words: str, code: str = "", name: str = "bash") -> Files:
    """Return a build config whose arguments end with *words*, in which *code* is found."""
    return config(steps("  args:", "  - -c", f"  - {words}  # {code}", name=name))


RECIPES: dict[str, tuple[Files, Files]] = {
    "SW901 in a script": (
        script(f"twine upload --repository-url {URL} --skip-existing dist/*", code="SW901"),
        script(f"twine upload --repository-url {URL} dist/*"),
    ),
    "SW901 as an argument": (
        config(steps("  entrypoint: twine", "  args:", "  - upload",
                     "  - --skip-existing  # SW901")),
        config(steps("  entrypoint: twine", "  args: [upload, dist/a.whl]")),
    ),
    "SW902 of an upload": (
        config(steps("  args:", "  - setup.py", "  - sdist  # SW902", "  - upload", name="python")),
        config(steps("  args: [setup.py, test]", name="python")),
    ),
    "SW902 of wheels": (
        script("cd a && python3 setup.py -q sdist bdist_wheel", code="SW902"),
        script("# python setup.py bdist_wheel", "python setup.py --version && twine check dist/*"),
    ),
    "SW903": (
        script("pip install -q -r dev.txt 'build[uv]>=1' \\", f"  twine==6.2.0 {URL}a.whl",
               "python -m build", code="SW903"),
        script("pip install -q -r dev.txt build==1.3.0 twine==6.2.0 ./a dist/a.whl",
               "pip install --require-hashes -r build.txt", "python -m build"),
    ),
    "SW904 of a file": (
        script("cat > ~/.pypirc <<EOF", "[distutils]", "EOF", code="SW904"),
        script("cat ~/.pypirc.example && twine --version"),
    ),
    "SW904 of a token": (
        runs("pip install -i https://oauth2accesstoken:$$T@us-python.pkg.dev/p/r/simple/ a==1",
             "SW904"),
        runs("curl -u a:$$(gcloud auth print-access-token) https://a.b"),
    ),
    "SW904 of a password": (
        runs("twine upload -u oauth2accesstoken -p $$T dist/a.whl", "SW904"),
        runs("mkdir -p dist && twine upload dist/a.whl"),
    ),
    "SW904 of Poetry's password": (
        runs("poetry config http-basic.gar oauth2accesstoken $$T", "SW904"),
        runs("poetry config repositories.gar https://us-python.pkg.dev/p/r/"),
    ),
    "SW904 of uv's token": (
        runs("uv publish --publish-url https://us-python.pkg.dev/p/r/ --token $$T", "SW904"),
        runs("uv publish --publish-url https://us-python.pkg.dev/p/r/ dist/a.whl"),
    ),
    "SW905 in a build config": (
        runs("'sed -i s/{{ACCESS_TOKEN}}/$$T/ requirements.txt'", "SW905"),
        runs("sed -i s/VERSION/1/ setup.cfg"),
    ),
    "SW905 in a template": (
        {**WHOLE, "shipwheel.yaml": MANIFEST, "f/requirements.txt.tmpl":
         "--index-url https://oauth2accesstoken:{{ ACCESS_TOKEN }}@a/simple/  # SW905\na\n"},
        {**WHOLE, "shipwheel.yaml": MANIFEST, "f/requirements.in": "a\n"},
    ),
    "SW906": (
        runs(f"pip install --extra-index-url {URL}simple/ a==1", "SW906"),
        runs("pip install --extra-index-url https://download.example.org/cpu a==1"),
    ),
    "SW906 in a variable": (
        config(steps("  env:", f"  - PIP_EXTRA_INDEX_URL={URL}simple/  # SW906")),
        config(steps("  env:", f"  - PIP_INDEX_URL={URL}simple/")),
    ),
    "SW907 of a function": (
        runs("gcloud functions deploy f --runtime=python37", "SW907"),
        runs("gcloud functions deploy f --runtime=python313"),
    ),
    "SW907 of a step": (
        config(steps(name="python:3.7-slim  # SW907")),
        config(steps("- name: python:3", "- name: gcr.io/p/python:2", name="python:3.13-slim")),
    ),
    "SW907 of an image": (
        config(steps(name="gcr.io/google-appengine/python  # SW907")),
        config(steps(name="gcr.io/cloud-builders/gcloud")),
    ),
    "SW903 is for builds that publish": (
        script("pip install twine", code="SW903"),
        script("pip install pytest && pytest"),
    ),
}  # fmt: skip
