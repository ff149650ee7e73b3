from datetime import timedelta
import io
from pathlib import Path
import zipfile

import pytest

from keyturn.api.lambda_.code_links import LINK_SECONDS, PATH
from support.function_bench import ENDPOINT, zipped
from support.lambda_bench import LAYER_CODE, LambdaBench


@pytest.fixture
def bench(tmp_path: Path) -> LambdaBench:
    return LambdaBench(tmp_path)


def path_of(link: str) -> str:
    """Return a link's path; it leads to this server."""
    assert link.startswith(f"{ENDPOINT}{PATH}")
    return link.removeprefix(ENDPOINT)


def link_of(bench: LambdaBench, name: str) -> str:
    return path_of(bench.do("GetFunction", FunctionName=name)["Code"]["Location"])


def test_a_function_s_code_is_behind_its_link(bench: LambdaBench) -> None:
    code = zipped({"lambda_function.py": "# mine"})
    name = bench.function(Code={"ZipFile": code})

    answer = bench.links.fetch(link_of(bench, name))

    assert (answer.status, answer.body) == (200, code)
    assert zipfile.ZipFile(io.BytesIO(answer.body)).namelist() == ["lambda_function.py"]


def test_a_version_s_link_leads_to_the_version_s_code(bench: LambdaBench) -> None:
    name = bench.function()
    bench.published(name, "1", "2")

    found = bench.do("GetFunction", FunctionName=name, Qualifier="1")

    body = bench.links.fetch(path_of(found["Code"]["Location"])).body
    assert zipfile.ZipFile(io.BytesIO(body)).read("lambda_function.py") == b"1"


def test_a_layer_s_code_is_behind_its_link(bench: LambdaBench) -> None:
    found = bench.do("GetLayerVersionByArn", Arn=bench.layer())

    assert bench.links.fetch(path_of(found["Content"]["Location"])).body == LAYER_CODE


def test_a_link_is_valid_for_its_time_and_no_longer(bench: LambdaBench) -> None:
    link = link_of(bench, bench.function())
    bench.clock.advance(timedelta(seconds=LINK_SECONDS))
    in_time = bench.links.fetch(link).status

    bench.clock.advance(timedelta(milliseconds=1))

    assert (in_time, bench.links.fetch(link).status) == (200, 403)


def test_code_that_is_gone_is_not_found(bench: LambdaBench) -> None:
    name = bench.function()
    link = link_of(bench, name)

    bench.do("DeleteFunction", FunctionName=name)

    assert bench.links.fetch(link).status == 404


@pytest.mark.parametrize("token", ["", "x", "AAAA", "=", "\N{SNOWMAN}", "../health", "A" * 10_000])
def test_what_is_no_link_of_ours_is_refused(bench: LambdaBench, token: str) -> None:
    assert bench.links.fetch(PATH + token).status == 403


def test_a_link_with_one_changed_letter_is_refused(bench: LambdaBench) -> None:
    link = link_of(bench, bench.function())
    place = len(PATH) + 20
    other = "A" if link[place] != "A" else "B"

    assert bench.links.fetch(link[:place] + other + link[place + 1 :]).status == 403


def test_a_token_for_another_use_is_no_link(bench: LambdaBench) -> None:
    token = bench.keyring.seal_token({"use": "other", "sha256": "0", "until": 2**60})
    in_path = token.replace("+", "-").replace("/", "_").rstrip("=")

    assert bench.links.fetch(PATH + in_path).status == 403
