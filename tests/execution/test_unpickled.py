"""What candidates leave may be a pickle, which is a program: no module of ours reads one, in any of its guises.

Recipes run inside the sandbox, and may.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
OURS = ("activities", "ops", "schemas", "workflows")
INSIDE = PROJECT / "activities" / "knowledge" / "recipes"
MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FUNCTIONS = {"torch.load", "pandas.read_pickle", "pandas.read_hdf"}
METHODS = {"read_pickle", "unpack_archive", "extractall"}  # whatever they are called on
BY_NAME = {"importlib.import_module", "__import__"}


def unpickling(source: str) -> list[int]:
    """The lines that could run what a file holds."""
    tree = ast.parse(source)
    names = dict(_imported(tree))
    return sorted(
        {node.lineno for node in ast.walk(tree) if isinstance(node, ast.expr | ast.stmt) and _is(node, names)}
    )


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each name that an import binds, and what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0], alias.name if alias.asname else alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _is(node: ast.AST, names: dict[str, str]) -> bool:
    match node:
        case ast.Import(names=aliases):
            return any(_brings(alias.name) for alias in aliases)
        case ast.ImportFrom(module=module, names=aliases):
            return any(_brings(f"{module}.{alias.name}") for alias in aliases)
        case ast.Attribute(attr=attribute):
            return attribute in METHODS or _brings(_dotted(node, names))
        case ast.Call(func=function, args=[ast.Constant(value=str(module)), *_]) if _dotted(function, names) in BY_NAME:
            return _brings(module)
        case ast.Call(keywords=keywords):
            return any(word.arg == "allow_pickle" and not _is_false(word.value) for word in keywords)
    return False


def _brings(dotted: str) -> bool:
    module, _, name = dotted.partition(".")
    unsafe_yaml = module == "yaml" and "load" in name.lower() and "safe" not in name.lower().replace("unsafe", "")
    return module in MODULES or dotted in FUNCTIONS or unsafe_yaml


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    """Such as torch.load, by whatever name torch was imported; empty for what is no plain name."""
    match node:
        case ast.Name(id=name):
            return names.get(name, name)
        case ast.Attribute(value=value, attr=attribute):
            return f"{_dotted(value, names)}.{attribute}"
    return ""


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


@pytest.mark.parametrize(
    "code",
    [
        *(f"import {module}" for module in sorted(MODULES)),
        *(f"from {module} import load" for module in sorted(MODULES)),
        "import joblib.numpy_pickle as reader",
        "def read(path):\n    import pickle\n    return pickle.loads(path.read_bytes())",
        "import importlib\nimportlib.import_module('pickle').loads(b'')",
        "__import__('marshal').loads(b'')",
        "import torch\ntorch.load('model.pt')",
        "import torch as t\nt.load('model.pt', weights_only=False)",
        "from torch import load as read",
        "import torch\nread = torch.load",
        "import numpy as np\nnp.load('x.npy', allow_pickle=True)",
        "import numpy as np\nnp.load('x.npy', allow_pickle=trusted)",
        "import pandas as pd\npd.read_pickle('x.pkl')",
        "import yaml\nyaml.load(text, Loader=yaml.Loader)",
        "import yaml\nyaml.load(text, yaml.UnsafeLoader)",
        "import yaml\nyaml.unsafe_load(text)",
        "import yaml\nyaml.full_load_all(text)",
        "from yaml import UnsafeLoader",
        "import shutil\nshutil.unpack_archive(path)",
        "archive.extractall(folder)",
    ],
)
def test_each_guise_is_found(code: str) -> None:
    assert unpickling(code)


@pytest.mark.parametrize(
    "code",
    [
        "import json\njson.load(file)",
        "import numpy as np\nnp.load('x.npy')",
        "import numpy as np\nnp.load('x.npy', allow_pickle=False)",
        "import torch\ntorch.ones(2)",
        "import yaml\nyaml.safe_load(text)",
        "import yaml\nyaml.safe_dump(value)",
        "Settings.load(home)",
    ],
)
def test_what_only_reads_is_not(code: str) -> None:
    assert unpickling(code) == []


def test_nothing_outside_the_sandbox_unpickles() -> None:
    files = [PROJECT / "worker.py", *(path for name in OURS for path in PROJECT.glob(f"{name}/**/*.py"))]
    outside = sorted(path for path in files if not path.is_relative_to(INSIDE))
    assert len(outside) > 100, "all of ours is looked at"
    found = {str(path.relative_to(PROJECT)): unpickling(path.read_text()) for path in outside}
    assert {name: lines for name, lines in found.items() if lines} == {}
