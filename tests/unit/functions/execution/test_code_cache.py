"""Where a function's code and layers are unpacked: once, whole, in order, open to be read."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import stat
from threading import Barrier

import pytest

from keyturn.functions import registry
from keyturn.functions.execution import pool
from keyturn.functions.execution.code_cache import KEPT_SECONDS, Code, CodeCache
from keyturn.functions.refusals import FunctionNotFoundError, FunctionUnavailableError
from keyturn.model.function import Function
from support.function_bench import ACCOUNT, REGION, zipped
from support.lambda_bench import LambdaBench

AT_ONCE = 8


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


@pytest.fixture
def cache(bench: LambdaBench, tmp_path: Path) -> CodeCache:
    return CodeCache(bench.database, tmp_path / "code")


def stored(bench: LambdaBench, *layers: dict[str, str], source: str = "# nothing") -> Function:
    """Return a new function of this code, over layers of these files."""
    arns = [bench.layer(Content={"ZipFile": zipped(files)}) for files in layers]
    code = {"ZipFile": zipped({"lambda_function.py": source, "below/data": "1"})}
    return found(bench, bench.function(Code=code, Layers=arns))


def found(bench: LambdaBench, name: str) -> Function:
    with bench.database.read() as connection:
        return registry.resolve(connection, f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")


def layers_of(code: Code) -> Path:
    assert code.layers is not None
    return code.layers


def files_below(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_a_function_without_layers_has_its_code_alone(
    bench: LambdaBench, cache: CodeCache
) -> None:
    code = cache.code_of(stored(bench, source="mine = 1"))

    assert files_below(code.task) == {"lambda_function.py": "mine = 1", "below/data": "1"}
    assert code.layers is None


def test_a_later_layer_lies_over_an_earlier_one(bench: LambdaBench, cache: CodeCache) -> None:
    lower = {"python/both.py": "lower", "python/lower.py": ""}
    upper = {"python/both.py": "upper", "bin/upper": ""}

    code = cache.code_of(stored(bench, lower, upper))

    assert files_below(layers_of(code)) == {
        "python/both.py": "upper",
        "python/lower.py": "",
        "bin/upper": "",
    }


def test_the_same_layers_in_another_order_are_another_folder(
    bench: LambdaBench, cache: CodeCache
) -> None:
    first, second = {"both": "first"}, {"both": "second"}

    one = layers_of(cache.code_of(stored(bench, first, second)))
    other = layers_of(cache.code_of(stored(bench, second, first)))

    assert (files_below(one), files_below(other)) == ({"both": "second"}, {"both": "first"})


def test_functions_with_the_same_layers_share_a_folder(
    bench: LambdaBench, cache: CodeCache
) -> None:
    layer = {"shared": ""}

    one, other = (cache.code_of(stored(bench, layer)) for _ in range(2))

    assert one.layers == other.layers


def test_code_and_layers_can_be_read_by_others_and_written_by_none(
    bench: LambdaBench, cache: CodeCache
) -> None:
    code = cache.code_of(stored(bench, {"python/shared.py": ""}))

    for top in (code.task, layers_of(code)):
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (top, *top.rglob("*"))}
        assert modes == {0o755, 0o444}


def test_what_is_unpacked_at_the_same_moment_is_there_once(
    bench: LambdaBench, cache: CodeCache, tmp_path: Path
) -> None:
    function = stored(bench, {"one": "1"}, {"two": "2"})
    ready = Barrier(AT_ONCE)

    def unpack(_: int) -> Code:
        ready.wait()
        return cache.code_of(function)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        codes = list(threads.map(unpack, range(AT_ONCE)))

    assert set(codes) == {codes[0]}
    assert files_below(layers_of(codes[0])) == {"one": "1", "two": "2"}
    assert len(made_in(tmp_path)) == len(("code", "one", "two", "both layers"))


def test_a_function_that_was_deleted_a_moment_ago_is_not_found(
    bench: LambdaBench, cache: CodeCache
) -> None:
    function = stored(bench, source="only = 'here'")
    bench.do("DeleteFunction", FunctionName=function.name)

    with pytest.raises(FunctionNotFoundError):
        cache.code_of(function)


def test_a_function_that_was_deleted_since_is_unpacked_already(
    bench: LambdaBench, cache: CodeCache
) -> None:
    function = stored(bench, source="still = 'here'")
    before = cache.code_of(function)
    bench.do("DeleteFunction", FunctionName=function.name)

    assert cache.code_of(function) == before


def test_a_layer_with_a_file_where_another_has_a_folder_leaves_nothing_half_made(
    bench: LambdaBench, cache: CodeCache, tmp_path: Path
) -> None:
    function = stored(bench, {"data/file": ""}, {"data": ""})

    for _ in range(2):
        with pytest.raises(FunctionUnavailableError, match="can't be unpacked on this machine"):
            cache.code_of(function)

    assert len(made_in(tmp_path)) == len(("code", "lower", "upper"))


def test_a_cache_begins_empty_and_where_no_other_was(bench: LambdaBench, tmp_path: Path) -> None:
    function = stored(bench)
    before = CodeCache(bench.database, tmp_path / "code").code_of(function).task

    cache = CodeCache(bench.database, tmp_path / "code")

    assert not before.exists()
    assert cache.code_of(function).task.parent != before.parent


class Seconds:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def timed(bench: LambdaBench, tmp_path: Path, seconds: Seconds) -> CodeCache:
    return CodeCache(bench.database, tmp_path / "code", seconds)


def deployed(bench: LambdaBench, function: Function, source: str) -> Function:
    """Give a function other code."""
    zipped_code = zipped({"lambda_function.py": source})
    bench.do("UpdateFunctionCode", FunctionName=function.name, ZipFile=zipped_code)
    return found(bench, function.name)


@pytest.mark.parametrize(("more", "is_there"), [(0, True), (1, False)])
def test_code_that_no_version_runs_goes_when_every_environment_of_it_has_ended(
    bench: LambdaBench, timed: CodeCache, seconds: Seconds, more: float, *, is_there: bool
) -> None:
    function = stored(bench, source=f"before = {more}")
    before = timed.code_of(function).task
    after = timed.code_of(deployed(bench, function, f"after = {more}")).task

    seconds.now += KEPT_SECONDS + more
    timed.remove_unused()

    assert before.exists() is is_there
    assert after.exists()


def test_no_environment_lasts_longer_than_the_code_that_it_was_started_with() -> None:
    # It works for that long after its last event came, or is idle for less.
    timeout_seconds = 900

    assert timeout_seconds + pool.AGE_SECONDS_MAX < KEPT_SECONDS
    assert timeout_seconds > pool.IDLE_SECONDS_MAX


def test_code_that_a_published_version_runs_stays(
    bench: LambdaBench, timed: CodeCache, seconds: Seconds
) -> None:
    function = stored(bench, source="published = 1")
    bench.do("PublishVersion", FunctionName=function.name)
    before = timed.code_of(function).task
    deployed(bench, function, "published = 2")

    seconds.now += KEPT_SECONDS + 1
    timed.remove_unused()

    assert before.exists()


def test_layers_go_together_and_alone_when_no_function_has_them(
    bench: LambdaBench, timed: CodeCache, seconds: Seconds, tmp_path: Path
) -> None:
    function = stored(bench, {"kept": "1"}, {"gone": "1"}, source="layers = 1")
    kept, _ = function.layers
    before = layers_of(timed.code_of(function))
    bench.do("UpdateFunctionConfiguration", FunctionName=function.name, Layers=[kept.arn])

    seconds.now += KEPT_SECONDS + 1
    timed.remove_unused()

    assert not before.exists()
    assert {path.name for path in made_in(tmp_path)} == {kept.sha256, function.code_sha256}


def test_code_that_was_removed_is_unpacked_again_when_it_is_back(
    bench: LambdaBench, timed: CodeCache, seconds: Seconds
) -> None:
    function = stored(bench, source="back = 1")
    timed.code_of(function)
    deployed(bench, function, "back = 2")
    seconds.now += KEPT_SECONDS + 1
    timed.remove_unused()

    code = timed.code_of(deployed(bench, function, "back = 1"))

    assert files_below(code.task) == {"lambda_function.py": "back = 1"}


def test_code_that_could_not_be_unpacked_is_nothing_to_remove(
    bench: LambdaBench, timed: CodeCache, seconds: Seconds
) -> None:
    function = stored(bench, source="never = 'here'")
    bench.do("DeleteFunction", FunctionName=function.name)
    with pytest.raises(FunctionNotFoundError):
        timed.code_of(function)

    seconds.now += KEPT_SECONDS + 1
    timed.remove_unused()

    assert not timed._handed_out_at


def made_in(folder: Path) -> list[Path]:
    """Return what a cache has below its folder in ``folder``."""
    (own,) = (folder / "code").iterdir()
    return list(own.iterdir())
