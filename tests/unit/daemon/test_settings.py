"""Arguments win over the environment, the environment over .env; nonsense is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from golemnet.daemon.settings import OPTIONS, Settings, SettingsError, environment_of, load_settings

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)


def test_arguments_then_environment_then_file(tmp_path: Path):
    (tmp_path / ".env").write_text("YAGNA_API_URL=http://h:1\nGOLEM_NET_BIND=file:1\nYAGNA_LOG_LEVEL=debug\n")
    environment = {"YAGNA_API_URL": "http://h:2", "GOLEM_NET_BIND": "environment:2"}
    settings = load_settings({"api_url": "http://h:3", "net_bind": None}, environment)
    assert settings.api_url == "http://h:3"
    assert settings.net_bind == "environment:2"
    assert settings.log_level == "debug"


def test_lists_paths_and_flags_are_read():
    environment = {
        "GOLEM_NET_BOOTSTRAP": "aa@h:1, bb@h:2,",
        "YAGNA_DATADIR": "~/node",
        "YAGNA_LOG_JSON": "1",
    }
    settings = load_settings(environment=environment)
    assert settings.net_bootstrap == ("aa@h:1", "bb@h:2")
    assert settings.data_dir == Path.home() / "node"
    assert settings.log_json


def test_an_empty_variable_is_not_given():
    assert load_settings(environment={"YAGNA_API_URL": ""}).api_url == "http://127.0.0.1:7465"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("YAGNA_API_URL", "localhost:1"), ("YAGNA_LOG_LEVEL", "loud"), ("GSB_URL", "tcp://127.0.0.1:7464")],
)
def test_nonsense_is_refused_by_the_name_of_its_variable(variable: str, value: str):
    with pytest.raises(SettingsError, match=variable):
        load_settings(environment={variable: value})


def test_a_data_directory_that_is_named_has_its_own_socket():
    environment = {"GSB_URL": "unix:/run/other.sock", "YAGNA_DATADIR": "/data/a"}
    assert load_settings(environment=environment).socket_path == Path("/run/other.sock")
    named = load_settings({"data_dir": Path("/data/b")}, environment)
    assert named.socket_path == Path("/data/b/yagna.sock")


def test_the_api_address_has_a_port():
    assert Settings(data_dir=Path("/d"), api_url="http://127.0.0.1:0").api_address == ("127.0.0.1", 0)
    assert Settings(data_dir=Path("/d"), api_url="http://node").api_address == ("node", 7465)


def test_every_option_is_a_setting_and_in_the_template():
    template = (ROOT / ".env-template").read_text()
    assert {option.field for option in OPTIONS} == set(Settings.__struct_fields__)
    assert [option.variable for option in OPTIONS if f"#{option.variable}=" not in template] == []


def test_another_process_loads_the_same_settings(tmp_path: Path):
    settings = Settings(
        data_dir=tmp_path,
        api_url="http://127.0.0.1:1",
        net_bootstrap=("a@h:1", "b@h:2"),
        chain_file=tmp_path / "chain.json",
        gsb_url=f"unix:{tmp_path}/s",
        log_json=True,
    )
    assert load_settings(environment=environment_of(settings)) == settings
