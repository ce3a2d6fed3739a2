"""Strict mode's root credentials, made by the first start."""

import pytest

from ecsd.cli import main
from ecsd.errors import EcsdError
from ecsd.processes import paths
from ecsd.processes.root_key import make_root_key, with_root_key
from ecsd.settings import Settings


@pytest.fixture
def strict(tmp_path):
    return Settings(mode="strict", data_dir=tmp_path / "state")


def test_the_first_start_makes_what_every_later_one_finds(strict, ids):
    assert strict.obstacle() is not None
    made = make_root_key(strict, ids)
    assert (len(made.access_key_id), len(made.secret_access_key)) == (20, 40)
    assert paths.root_key(strict).stat().st_mode & 0o777 == 0o600
    found = with_root_key(strict)
    assert (found.access_key_id, found.secret_access_key) == (
        made.access_key_id,
        made.secret_access_key,
    )
    assert found.obstacle() is None
    assert make_root_key(found, ids) is None
    assert make_root_key(strict, ids) is None


def test_given_credentials_and_local_mode_need_no_file(tmp_path, ids):
    given = Settings(mode="strict", access_key_id="A", secret_access_key="s", data_dir=tmp_path)
    half = Settings(mode="strict", access_key_id="A", data_dir=tmp_path)
    for settings in (given, half, Settings(data_dir=tmp_path)):
        assert make_root_key(settings, ids) is None
        assert with_root_key(settings) == settings
    assert half.obstacle() is not None
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_told(strict, ids, monkeypatch, capsys):
    make_root_key(strict, ids)
    paths.root_key(strict).write_text("{}")
    with pytest.raises(EcsdError, match="holds no credentials"):
        with_root_key(strict)
    monkeypatch.setenv("ECSD_MODE", "strict")
    monkeypatch.setenv("ECSD_DATA_DIR", str(strict.data_dir))
    assert main(["env"]) == 1
    assert "holds no credentials" in capsys.readouterr().err


def test_commands_sign_with_the_kept_credentials(strict, ids, monkeypatch, capsys):
    made = make_root_key(strict, ids)
    monkeypatch.setenv("ECSD_MODE", "strict")
    monkeypatch.setenv("ECSD_DATA_DIR", str(strict.data_dir))
    assert main(["env"]) == 0
    assert f"AWS_SECRET_ACCESS_KEY={made.secret_access_key}" in capsys.readouterr().out
