"""What lands in the wheel, built by way of the sdist, and whether it works from there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.postgres.database import Database
from adapters.postgres.file_locks import exclusive

ROOT = Path(__file__).parents[2]
PACKAGES = {"domain", "projections", "adapters"}
MIGRATIONS = "adapters/postgres/migrations"
LONGEST_SECONDS = 300  # of a command, on a machine that is busy

IMPORT_ALL = """
import importlib, sys
from pathlib import Path
target = Path(sys.argv[1])
names = []
for package in sys.argv[2:]:
    for file in sorted((target / package).rglob("*.py")):
        parts = file.relative_to(target).with_suffix("").parts
        if "migrations" not in parts:
            names.append(".".join(parts).removesuffix(".__init__"))
for name in names:
    module = importlib.import_module(name)
    assert Path(module.__file__).is_relative_to(target), f"{name} came from {module.__file__}"
print(len(names))
"""


def _run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


Make = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Make:
    """A folder of that name for all workers: the first one that wants it fills it."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if hasattr(pytestconfig, "workerinput") else own

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder = shared / name
        with exclusive(shared / f"{name}.lock", 2 * LONGEST_SECONDS):
            if not folder.exists():
                half_made = Path(tempfile.mkdtemp(dir=shared))
                fill(half_made)
                half_made.rename(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def built(made_once: Make) -> Path:
    """A folder with an sdist of the checkout and the wheel made from that sdist."""
    # Without isolation nothing is downloaded: the backend is part of the dev environment.
    build = [sys.executable, "-m", "build", "--no-isolation"]
    return made_once("built", lambda to: _run(*build, "-o", str(to), str(ROOT), cwd=to))


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def installed(wheel: Path, made_once: Make) -> Path:
    """A folder with the wheel's content, installed by pip without its dependencies."""
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    return made_once("installed", lambda to: _run(*pip, "--target", str(to), str(wheel), cwd=to))


def _files_of(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def _sources(suffix: str) -> set[str]:
    return {
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package).rglob(f"*{suffix}")
    }


def test_the_wheel_holds_our_three_packages_and_nothing_else(wheel: Path) -> None:
    top_level = {name.split("/")[0] for name in _files_of(wheel)}
    assert {name for name in top_level if not name.endswith(".dist-info")} == PACKAGES


@pytest.mark.parametrize("suffix", [".py", ".sql", ".mako"])
def test_every_source_file_is_in_the_wheel(wheel: Path, suffix: str) -> None:
    sources = _sources(suffix)
    assert sources
    assert sources <= _files_of(wheel)


def test_the_migrations_are_in_the_wheel(wheel: Path) -> None:
    names = {n.removeprefix(f"{MIGRATIONS}/") for n in _files_of(wheel) if MIGRATIONS in n}
    assert "env.py" in names
    assert any(re.fullmatch(r"versions/\d{4}_\w+\.py", name) for name in names)
    assert any(re.fullmatch(r"versions/sql/\w+\.\w+\.sql", name) for name in names)


def test_the_sdist_can_be_tested_and_is_not_full_of_leftovers(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", "alembic.ini", "constraints.txt", "tests/conftest.py", "LICENSE"} <= names
    assert not [name for name in names if ".venv" in name or "__pycache__" in name]


def test_every_module_can_be_imported_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-W", "error", "-c", IMPORT_ALL, str(installed)]
    count = _run(*command, *sorted(PACKAGES), cwd=tmp_path, PYTHONPATH=str(installed))
    assert int(count) >= 40


def test_the_wheel_migrates_a_database(
    installed: Path, empty_database: Database, tmp_path: Path
) -> None:
    code = (
        "import sys; from adapters.postgres import database, migrate; "
        "print(migrate.__file__, migrate.upgrade(database.Database(sys.argv[1])).state)"
    )
    command = [sys.executable, "-P", "-c", code, empty_database.url]
    file, state = _run(*command, cwd=tmp_path, PYTHONPATH=str(installed)).split()
    assert file.startswith(str(installed))
    assert state == "current"


def test_the_command_runs_where_there_is_another_package_named_domain(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "domain").mkdir()
    (tmp_path / "domain" / "__init__.py").write_text("raise ImportError('not ours')")
    command = str(installed / "bin" / "turnlog")
    assert "Usage" in _run(command, "--help", cwd=tmp_path, PYTHONPATH=str(installed))
