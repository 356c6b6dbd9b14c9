"""The house keeps its shape: imports point down, rooms stay small, names say what is inside."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import minewatch

PACKAGE = Path(minewatch.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = (
    "dask", "distributed", "geopandas", "matplotlib", "numba", "odc", "onnxruntime", "pandas",
    "pystac_client", "rasterio", "rich", "rioxarray", "scipy", "sklearn", "stackstac", "torch",
    "typer", "xarray", "zarr",
)  # fmt: skip
ADDRESSES = {
    "numba": {"kernels"},
    "sklearn": {"learn"},
    "torch": {"learn"},
    "onnxruntime": {"learn"},
    "distributed": {"cluster", "workflows"},
    "matplotlib": {"plots"},
    "typer": {"cli"},
    "rich": {"cli"},
    "pystac_client": {"sources"},
    "stackstac": {"sources"},
    "odc.stac": {"sources"},
}


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE)).removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every module that a file imports at run time, wherever in the file."""
    found = set()
    for node in ast.walk(typing_only_removed(ast.parse(path.read_text()))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def typing_only_removed(tree: ast.Module) -> ast.Module:
    class Remover(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | None:
            named = ast.unparse(node.test)
            return None if named in {"TYPE_CHECKING", "typing.TYPE_CHECKING"} else node

    return Remover().visit(tree)


def test_import_linter_contracts_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(
        command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_importing_minewatch_loads_no_heavy_friend() -> None:
    code = f"import sys, minewatch; print([m for m in {HEAVY!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 320
    assert path.stem not in {"utils", "core", "common", "helpers", "base", "misc"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_has_the_name_of_a_function_it_holds(path: Path) -> None:
    tree = ast.parse(path.read_text())
    held = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own = path.parent.name if path.stem == "__init__" else path.stem
    assert own not in held


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_heavy_friends_have_one_address(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for module in imports(path):
        for friend, rooms in ADDRESSES.items():
            if module == friend or module.startswith(f"{friend}."):
                assert room in rooms, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", [path for path in MODULES if "kernels" in path.parts], ids=name_of)
def test_kernels_know_numpy_and_numba_only(path: Path) -> None:
    allowed = set(sys.stdlib_module_names) | {"numpy", "numba", "minewatch"}
    assert {module.partition(".")[0] for module in imports(path)} <= allowed
    assert all(
        module.startswith("minewatch.kernels") or not module.startswith("minewatch")
        for module in imports(path)
    )


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_blockwise_plumbing_has_one_address(path: Path) -> None:
    """apply_ufunc, map_blocks and map_overlap are called in _apply alone."""
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    plumbing = {"apply_ufunc", "map_blocks", "map_overlap", "apply_gufunc", "blockwise"}
    if path.parent.name != "_apply":
        assert not called & plumbing


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_pickled_or_evaluated(path: Path) -> None:
    """What comes from a file or a server stays data."""
    source = ast.parse(path.read_text())
    assert not {m.partition(".")[0] for m in imports(path)} & {
        "pickle",
        "joblib",
        "cloudpickle",
        "dill",
    }
    names = {
        node.func.id
        for node in ast.walk(source)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not names & {"eval", "exec"}
