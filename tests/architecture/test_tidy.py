"""Rules about the source that no tool of the shelf checks. Every message names the way out."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "projections", "adapters")

MAX_FUNCTION_LINES = 70
MAX_MODULE_LINES = 400

# Functions that are longer, with their length. Entries go, or shrink; none is ever added.
LONG_FUNCTIONS: dict[str, int] = {}

# Called in domain/ or projections/ → what to do instead.
BANNED_CALLS = {
    "datetime.now": "take the time as an argument (`at`)",
    "datetime.today": "take the time as an argument (`at`)",
    "datetime.utcnow": "take the time as an argument (`at`)",
    "date.today": "take the date as an argument",
    "uuid1": "use domain.ids.mint with entropy that is handed in",
    "uuid4": "use domain.ids.mint with entropy that is handed in",
    "uuid7": "use domain.ids.mint with entropy that is handed in",
    "uuid.uuid4": "use domain.ids.mint with entropy that is handed in",
    "token_hex": "use domain.ids.mint with entropy that is handed in",
    "token_bytes": "take entropy as an argument",
    "print": "return what there is to say; adapters/cli prints",
    "input": "take the value as an argument",
    "breakpoint": "remove it",
    "eval": "use a table of functions",
    "exec": "use a table of functions",
}
# Reading files is for adapters; projections may load the SQL that lies beside them.
BANNED_IN_DOMAIN = {"open": "take the content as an argument"}

# In pieces, so that this file does not contain what it forbids.
REGISTRY_HOSTS = ["pypi" + ".org", "python" + "hosted", "registry." + "npmjs", "deb." + "debian"]
MACHINE_PATHS = ["/wo" + "rk/main", "/wo" + "rk/shared", "/ro" + "ot/", "/tm" + "p/plan"]


@cache
def tracked_files() -> tuple[Path, ...]:
    """The files git knows or would add; all files where there is no git (an unpacked sdist)."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        files = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        hidden = re.compile(r"/(\.venv|\.git|__pycache__|\.\w+_cache|\.hypothesis)/")
        files = [file for file in ROOT.rglob("*") if not hidden.search(str(file))]
    return tuple(file for file in files if file.is_file())


def python_files(*folders: str) -> list[Path]:
    return [
        file
        for file in tracked_files()
        if file.suffix == ".py" and file.relative_to(ROOT).parts[0] in folders
    ]


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """(path:name, lines) of every function, nested ones included."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{file.relative_to(ROOT)}:{node.name}", lines


def test_there_is_something_to_check() -> None:
    assert all(python_files(folder) for folder in (*PACKAGES, "tests"))


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = dict(f for file in python_files(*PACKAGES, "tests") for f in functions(file))
    too_long = {
        name: lines
        for name, lines in lengths.items()
        if lines > LONG_FUNCTIONS.get(name, MAX_FUNCTION_LINES)
    }
    assert not too_long, f"split these (at most {MAX_FUNCTION_LINES} lines): {too_long}"
    shrunk = {name for name, lines in LONG_FUNCTIONS.items() if lengths.get(name, 0) < lines}
    assert not shrunk, f"lower or remove their entries in LONG_FUNCTIONS: {shrunk}"


def test_no_module_outgrows_its_noun() -> None:
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in python_files(*PACKAGES, "tests")
    }
    too_long = {name: lines for name, lines in lengths.items() if lines > MAX_MODULE_LINES}
    assert not too_long, f"move a noun into a module of its own: {too_long}"


@pytest.mark.parametrize(
    ("folder", "banned"),
    [("domain", BANNED_CALLS | BANNED_IN_DOMAIN), ("projections", BANNED_CALLS)],
)
def test_what_is_decided_and_read_depends_on_its_arguments_alone(
    folder: str, banned: dict[str, str]
) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {name} is banned here; {banned[name]}"
        for file in python_files(folder)
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in banned
    ]
    assert not found, "\n".join(found)


def test_every_test_folder_is_a_package() -> None:
    """Without, `domain` would mean `tests/domain`, and equal file names would collide."""
    folders = {file.parent for file in python_files("tests")}
    missing = [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists()]
    assert not missing, f"add an __init__.py to: {missing}"


def test_every_package_folder_is_a_package() -> None:
    folders = {file.parent for file in python_files(*PACKAGES) if "migrations" not in file.parts}
    missing = [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists()]
    assert not missing, f"add an __init__.py to: {missing}"


def test_packages_re_export_nothing() -> None:
    """A name has one place it is imported from: the module that defines it."""
    busy = [
        str(file.relative_to(ROOT))
        for file in python_files(*PACKAGES)
        if file.name == "__init__.py"
        and any(isinstance(n, ast.Import | ast.ImportFrom) for n in tree_of(file).body)
    ]
    assert not busy, f"import from the defining module instead; empty these: {busy}"


@pytest.mark.parametrize("text", [*REGISTRY_HOSTS, *MACHINE_PATHS])
def test_no_file_names_a_package_host_or_a_place_on_somebodys_machine(text: str) -> None:
    found = [
        str(file.relative_to(ROOT))
        for file in tracked_files()
        if text.encode() in file.read_bytes() and file != Path(__file__)
    ]
    assert not found, f"{text!r} says where something was on one machine; remove it from: {found}"


def test_dependencies_are_pinned_without_hashes_or_places() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    odd = [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin)]
    assert pins
    assert not odd, f"constraints.txt holds NAME==VERSION and nothing else: {odd}"


def test_nothing_stores_a_python_path() -> None:
    """Logger names are strings of ours, so that moving a file changes nothing outside."""
    found = [
        str(file.relative_to(ROOT))
        for file in python_files(*PACKAGES)
        if re.search(r"getLogger\(__name__\)", file.read_text(encoding="utf-8"))
    ]
    assert not found, f'name the logger "turnlog.…" in: {found}'
