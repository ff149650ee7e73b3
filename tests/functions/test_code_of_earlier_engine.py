"""An engine starts where one was killed, while something that outlived that still writes there."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
import os
from pathlib import Path
import threading

from keyturn.functions.execution.code_cache import CodeCache
from support.function_bench import FunctionBench

SOURCE = "def lambda_handler(event, context): pass"
# So many take a while to remove, in which others appear.
FILES = 1000


@contextmanager
def written_to(folder: Path) -> Iterator[None]:
    """Have files appear in a folder all the time, as Python's bytecode does while it imports."""
    is_over, is_well_under_way = threading.Event(), threading.Event()
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def write() -> None:
        for number in count():
            if is_over.is_set():
                return
            if number == FILES:
                is_well_under_way.set()
            try:
                os.close(os.open(f"{number}.pyc", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
            except FileNotFoundError:
                # The folder is gone.
                return

    thread = threading.Thread(target=write)
    thread.start()
    is_well_under_way.wait()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        os.close(descriptor)


def test_a_code_folder_that_could_not_be_removed_is_not_taken_for_complete(tmp_path: Path) -> None:
    with FunctionBench.open(tmp_path) as bench:
        function = bench.create(SOURCE)
        of_earlier = CodeCache(bench.database, bench.code).code_of(function).task

        with written_to(of_earlier):
            unpacked = CodeCache(bench.database, bench.code).code_of(function).task

            assert [file.name for file in unpacked.iterdir()] == ["lambda_function.py"]
