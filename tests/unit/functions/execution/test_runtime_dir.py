from pathlib import Path

from keyturn.functions.execution import runtime_dir


def test_what_an_engine_left_half_made_is_removed(tmp_path: Path) -> None:
    half_made = tmp_path / "half-made"
    half_made.mkdir()
    (half_made / "boto3").symlink_to("/nowhere")

    made = runtime_dir.make(tmp_path)

    assert list(tmp_path.iterdir()) == [made.parent]
    assert (made / "boto3" / "__init__.py").exists()


def test_modules_are_linked_anew(tmp_path: Path) -> None:
    (runtime_dir.make(tmp_path) / "stale").touch()

    made = runtime_dir.make(tmp_path)

    assert not (made / "stale").exists()
    assert (made / "boto3" / "__init__.py").exists()
