"""Rotation functions as ZIPs: what ``aws lambda create-function --zip-file`` takes.

* A ZIP holds the entry point ``lambda_function.py``, those of the rotators' sources that the
  template needs, and the engine's driver. boto3 comes with the runtime.
* The same template gives the same bytes each time (with the same zlib), so that Lambda's
  CodeSha256 tells whether a function is up to date: entries are sorted and carry no date.
* The rotators are read as files, never imported: they share no code with the server.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from keyturn.functions.distributions import Platform, files_of
from keyturn.model.errors import InvalidInputError, LimitError

HANDLER: Final = "lambda_function.lambda_handler"
# AWS: Lambda quotas, "Deployment package (.zip file archive) size".
ZIP_BYTES_MAX: Final = 50 * 1024 * 1024
_ROTATORS: Final = "keyturn_rotators"
# The first moment that a ZIP can name.
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_FILE_MODE: Final = 0o100644
# A higher one saves a third of a per cent and takes three times as long.
_COMPRESSION_LEVEL: Final = 6


@dataclass(frozen=True, slots=True, order=True)
class Template:
    """A rotation function that can be packaged: an engine and a strategy."""

    engine: str
    strategy: str
    summary: str

    @property
    def module(self) -> str:
        """The name of its entry point among the rotators' templates."""
        return f"{self.engine}_{self.strategy.replace('-', '_')}"


class UnknownTemplateError(InvalidInputError):
    """No rotation function is called that."""

    def __init__(self, engine: str, strategy: str, known: list[Template]) -> None:
        names = ", ".join(f"{template.engine} {template.strategy}" for template in known)
        super().__init__(f"No rotation function {engine} {strategy}; there is: {names}.")


class PackageTooLargeError(LimitError):
    """A ZIP is larger than Lambda takes."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The ZIP has {size_bytes} bytes; Lambda takes at most {ZIP_BYTES_MAX}.")


def templates() -> list[Template]:
    """Return the rotation functions that there are."""
    return sorted(
        Template(engine, strategy.replace("_", "-"), _summary(path))
        for path in (_rotators() / "templates").glob("[!_]*.py")
        for engine, _, strategy in [path.stem.partition("_")]
    )


def find_template(engine: str, strategy: str) -> Template:
    """Return a rotation function by its engine and strategy.

    Raises:
        UnknownTemplateError: there is none; the message lists those there are.
    """
    known = templates()
    for template in known:
        if (template.engine, template.strategy) == (engine, strategy):
            return template
    raise UnknownTemplateError(engine, strategy, known)


def build(template: Template, target: Platform) -> bytes:
    """Return a rotation function's ZIP.

    Raises:
        DependencyError: its driver can't be had for that platform.
        PackageTooLargeError: it is larger than Lambda takes.
    """
    lock_file = _rotators() / "engines" / f"{template.engine}.lock"
    sources = _sources([f"{_ROTATORS}.templates.{template.module}"])
    return _packed(_entry_point(template).encode(), sources, files_of(lock_file, target))


def build_own(file: Path, lock_file: Path | None, target: Platform) -> bytes:
    """Return the ZIP of a rotation function of one's own, in one file.

    With it come those of the rotators' sources that it imports, and what a lock file pins.

    Args:
        lock_file: distributions with their versions and hashes, as pip-compile writes them.

    Raises:
        InvalidInputError: the file is no Python, or has no ``lambda_handler``.
        DependencyError: a distribution can't be had for that platform.
        PackageTooLargeError: it is larger than Lambda takes.
    """
    source = file.read_bytes()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise InvalidInputError(f"{file} is no Python: {error}.") from None
    named = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "lambda_handler" not in named:
        raise InvalidInputError(f"{file} has no function lambda_handler, which Lambda calls.")
    pinned = files_of(lock_file, target) if lock_file else {}
    return _packed(source, _sources(list(_imported(file))), pinned)


def _packed(entry: bytes, sources: set[Path], pinned: Mapping[str, bytes]) -> bytes:
    files = {_path_in_zip(path): path.read_bytes() for path in sources}
    packed = _zip({**pinned, **files, "lambda_function.py": entry})
    if len(packed) > ZIP_BYTES_MAX:
        raise PackageTooLargeError(len(packed))
    return packed


def _sources(waiting: list[str]) -> set[Path]:
    """Return the files of these modules, and of what they import, and so on."""
    found: set[Path] = set()
    while waiting:
        new = set(_files_of(waiting.pop())) - found
        found |= new
        waiting += [name for path in new for name in _imported(path)]
    return found


def _files_of(module: str) -> Iterator[Path]:
    """Yield a module's file, and those of the packages that it is in."""
    folder = _rotators().parent
    for name in module.split("."):
        folder /= name
        yield from (
            path for path in (folder / "__init__.py", folder.with_suffix(".py")) if path.is_file()
        )


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(_ROTATORS):
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _entry_point(template: Template) -> str:
    return (
        f'"""{template.summary}"""\n\n'
        f"from {_ROTATORS}.templates.{template.module} import lambda_handler\n\n"
        '__all__ = ["lambda_handler"]\n'
    )


def _zip(files: Mapping[str, bytes]) -> bytes:
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        for name in sorted(files):
            entry = ZipInfo(name, _DATE)
            entry.create_system = _UNIX
            entry.external_attr = _FILE_MODE << 16
            archive.writestr(entry, files[name], ZIP_DEFLATED, _COMPRESSION_LEVEL)
    return packed.getvalue()


def _summary(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]


def _path_in_zip(path: Path) -> str:
    return path.relative_to(_rotators().parent).as_posix()


def _rotators() -> Path:
    spec = find_spec(_ROTATORS)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent
