"""What is refused before a server starts with it."""

from pathlib import Path

import pytest

from keyturn.config import SettingError, check_node_client
from keyturn.functions.runtimes import CLIENT_MODULE


def test_a_folder_that_is_not_the_client_for_node_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"aws-lambda-ric, version 3\.3\.0: it has no dist"):
        check_node_client(tmp_path)


def test_the_folder_of_the_client_for_node_is_taken(tmp_path: Path) -> None:
    (tmp_path / CLIENT_MODULE).parent.mkdir()
    (tmp_path / CLIENT_MODULE).touch()

    check_node_client(tmp_path)
    check_node_client(None)
