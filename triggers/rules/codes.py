"""The codes of lint's findings. A code never changes its meaning, and is never used again.

An error is refused by gcloud, its schema or the service. A warning is accepted by all of them, and
does something else than it seems to.
"""

from __future__ import annotations

from steps.host.errors import Code, code_table

FAMILIES = {
    "SW0": "Any file",
    "SW1": "Triggers: refused",
    "SW2": "Triggers: accepted, and something else than meant",
    "SW3": "Build configs: refused",
    "SW4": "Build configs: accepted, and something else than meant",
    "SW5": "A trigger and its build config",
    "SW6": "Triggers and the files of the repository",
    "SW7": "The manifest",
    "SW9": "The recipe that Shipwheel replaces",
}


def _error(meaning: str) -> Code:
    return Code("error", meaning)


def _warning(meaning: str) -> Code:
    return Code("warning", meaning)


CODES = {
    "SW001": _error("the file is not valid YAML"),
    "SW002": _error("a document is not a mapping, such as a list of triggers"),
    "SW003": _error("a document is empty, as after a trailing `---`: gcloud imports nothing"),
    "SW004": _warning("the file holds no document: gcloud imports nothing and reports success"),
    "SW005": _warning("a key is written twice: gcloud keeps the first value"),
    "SW006": _error("text without quotes that YAML 1.1 reads as a number, a boolean or a date"),
    "SW007": _error("a value has the wrong type"),
    "SW008": _error("a field does not exist"),
    "SW009": _error("a value is not one that the field may have"),
    "SW010": _warning("a field is written in both spellings"),
    "SW011": _warning("a field that the service fills in is written by hand"),
    "SW012": _warning("a substitution has no value: null is sent"),
    "SW013": _error("a tab between values, at which gcloud's reader of YAML stops"),
    "SW014": _warning("the installed gcloud does not know a field or value yet"),
    "SW101": _error("the name is not one that a trigger can have"),
    "SW102": _error("not exactly one thing starts the trigger"),
    "SW103": _error("not exactly one event: push or pull request, branch or tag"),
    "SW104": _error("not exactly one build: `filename`, `build`, `gitFileSource`, `autodetect`"),
    "SW105": _error("the service account is not a full resource name"),
    "SW106": _error("the repository is not a full resource name"),
    "SW107": _error("a pattern is not a regular expression of RE2"),
    "SW108": _error("a glob is malformed"),
    "SW109": _error("a substitution cannot be set, or is over the limits"),
    "SW110": _error("`includeBuildLogs` without a repository on GitHub"),
    "SW111": _error("a field does not go with what starts the trigger"),
    "SW201": _warning("a pattern is not anchored: it is found anywhere in a name"),
    "SW202": _warning("a pull-request trigger without `commentControl` runs external code at once"),
    "SW203": _warning("a pull-request trigger runs as an account that pushes run as"),
    "SW204": _warning("no service account: a default one is used, and new projects refuse"),
    "SW205": _warning("a tag pattern has a slash, which tags cannot have"),
    "SW206": _warning("more triggers than a project holds for certain"),
    "SW207": _warning("no name: every import creates another trigger"),
    "SW208": _warning("an `id`: the import never creates the trigger, and fails without it"),
    "SW209": _warning("two names are the same but for their separators"),
    "SW210": _warning("a glob can match nothing"),
    "SW211": _warning("two triggers have one name: the last import wins"),
    "SW212": _warning("variables of an inline build lose their underscores in gcloud's import"),
    "SW213": _warning("`gitFileSource` where a repository starts the trigger: it never stays so"),
    "SW214": _warning("a branch pattern begins with `refs/`, which names of branches do not"),
    "SW301": _error("a timeout is malformed, or too long"),
    "SW302": _error("a substitution's name or size is refused"),
    "SW303": _error("no step, or a `source`"),
    "SW304": _error("a step without a name, or over the limits"),
    "SW305": _error("`script` together with `args` or `entrypoint`"),
    "SW306": _error("`waitFor` names no earlier step"),
    "SW307": _error("a step's id is not unique, or reserved"),
    "SW308": _error("a volume is refused"),
    "SW309": _error("secrets and their uses do not fit"),
    "SW310": _error("images or artifacts are refused"),
    "SW311": _error("an option, or the number of tags, is refused"),
    "SW312": _warning("a service account without a place for the logs"),
    "SW313": _error("an image's name or a tag is malformed"),
    "SW314": _error("an unknown built-in substitution, such as an unescaped `$` of the shell"),
    "SW315": _error("a substitution's value cannot be expanded"),
    "SW316": _error("an encrypted value is not base64"),
    "SW317": _error("an account, a pool or a secret's version is not a full resource name"),
    "SW401": _warning("an expansion such as `${_X:-y}` outside of a substitution's value"),
    "SW402": _warning("a substitution in the text of a `script`, where none is made"),
    "SW403": _warning("`$$` in the text of a `script`, where it is the shell's process id"),
    "SW404": _warning("a substitution in a field where it is not known to be made"),
    "SW405": _warning("a substitution is given and not used: `gcloud builds submit` refuses"),
    "SW406": _warning("snake_case where the published JSON Schema knows camelCase only"),
    "SW407": _warning("a timeout in minutes or hours: `gcloud builds submit` refuses"),
    "SW408": _warning("a default value refers to an unknown built-in substitution"),
    "SW409": _warning("a single value where a list belongs: a trigger fails to read it"),
    "SW410": _warning("`$$NAME` in the arguments of a program that is not a shell"),
    "SW501": _error("the trigger's build config does not exist"),
    "SW502": _warning("a substitution is used and nowhere given: it becomes an empty string"),
    "SW503": _warning("the trigger gives a substitution that its build config does not use"),
    "SW504": _warning("the trigger has a service account, and its build config no place for logs"),
    "SW505": _warning("the build config's service account: triggers ignore it"),
    "SW506": _warning("a built-in substitution that is empty after the trigger's event"),
    "SW507": _warning("a change of the build config does not start the trigger"),
    "SW508": _warning("the build fails without provenance, for which an API has to be enabled"),
    "SW509": _error("a single value where a list belongs: the trigger fails to read its config"),
    "SW510": _warning("a shared build config is that of an earlier version of Shipwheel"),
    "SW601": _warning("an included glob matches no file"),
    "SW602": _warning("an ignored glob matches no file"),
    "SW603": _warning("files of a package or function start no trigger"),
    "SW604": _warning("`dir/*` leaves out what is in subdirectories"),
    "SW605": _warning("everything that is included is ignored, too"),
    "SW606": _warning("no branch of the repository matches the pattern"),
    "SW701": _error("the manifest is invalid"),
    "SW702": _error("the manifest's triggers cannot be rendered"),
    "SW703": _warning("rendering the manifest's triggers warns"),
    "SW901": _warning("`--skip-existing` skips versions that were changed and not bumped"),
    "SW902": _warning("`setup.py` builds or uploads"),
    "SW903": _warning("a build that publishes installs tools without a version"),
    "SW904": _warning("a `.pypirc`, a token in a URL, or a password in a command is written"),
    "SW905": _warning("a token is written into `requirements.txt`"),
    "SW906": _warning("an extra index beside a private one: dependency confusion"),
    "SW907": _warning("a Python or an image that gets no more fixes"),
}


def table() -> str:
    """Return all codes as the Markdown tables of the documentation, one per family."""
    parts = []
    for family, title in FAMILIES.items():
        codes = {code: each for code, each in CODES.items() if code.startswith(family)}
        parts.append(f"{title}:\n\n{code_table(codes)}")
    return "\n\n".join(parts) + "\n"
