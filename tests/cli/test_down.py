"""``ecsd down --state`` says what of EFS it deletes, and what it keeps."""

import pytest

from ecsd.cli.down import _delete_state
from ecsd.settings import Settings


@pytest.mark.parametrize("apart", [False, True])
def test_files_of_efs_are_named_and_kept_where_they_lie_apart(tmp_path, capsys, apart):
    data = tmp_path / "data"
    own = tmp_path / "files" if apart else data / "efs"
    (own / "fs-1").mkdir(parents=True)
    data.mkdir(exist_ok=True)
    settings = Settings(data_dir=data, efs_dir=own if apart else None)
    assert _delete_state(settings, sure=True)
    said = capsys.readouterr().out
    assert f"the files of 1 file system of EFS in {own} are " in said
    assert ("are kept" in said, (own / "fs-1").exists()) == (apart, apart)
    assert not data.exists()
