"""The gvmi format: what is written is read again, and nothing else is accepted."""

import hashlib
import struct
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.image.errors import NotAnImage
from golemnet.image.gvmi import ImageConfig, append_config, decode_config, hash_image, read_config

CONFIG = ImageConfig(
    env=("PATH=/bin", "OPTIONS=a=b"), user="1000:1000", work_dir="/golem/work", volumes={"/golem/work": {}}
)


def image(path: Path, config: ImageConfig = CONFIG) -> Path:
    path.write_bytes(b"hsqs" + bytes(4092))
    append_config(path, config)
    return path


def with_metadata(path: Path, body: bytes, *, crc: int | None = None, length: bytes | None = None) -> Path:
    crc = zlib.crc32(body) if crc is None else crc
    path.write_bytes(b"hsqs" + bytes(4092) + struct.pack("<I", crc) + body + (length or b"%08d" % len(body)))
    return path


def test_reads_what_it_wrote(tmp_path: Path):
    config = read_config(image(tmp_path / "a.gvmi"))
    assert config.environment == {"PATH": "/bin", "OPTIONS": "a=b"}
    assert (config.user, config.work_dir, config.volume_paths) == (
        "1000:1000",
        "/golem/work",
        ["/golem/work"],
    )


def test_bytes_are_those_of_the_format(tmp_path: Path):
    data = image(tmp_path / "a.gvmi").read_bytes()
    length = int(data[-8:])
    body = data[-8 - length : -8]
    assert data[-12 - length : -8 - length] == struct.pack("<I", zlib.crc32(body))
    assert msgspec.json.decode(body)["Volumes"] == {"/golem/work": {}}


def test_reads_metadata_as_docker_writes_it(tmp_path: Path):
    body = b'{"Hostname":"x","Env":null,"Cmd":["sh"],"Volumes":null,"Entrypoint":null,"OnBuild":[],"User":""}'
    config = read_config(with_metadata(tmp_path / "a.gvmi", body))
    assert (config.environment, config.volume_paths, config.cmd) == ({}, [], ["sh"])


@pytest.mark.parametrize(
    ("crc", "length"), [(1, None), (None, b"00009999"), (None, b"99999999"), (None, b"  000002"), (None, b"")]
)
def test_refuses_a_damaged_trailer(tmp_path: Path, crc: int | None, length: bytes | None):
    path = with_metadata(tmp_path / "a.gvmi", b"{}" * 1, crc=crc, length=length if length else None)
    if length == b"":
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(NotAnImage):
        read_config(path)


@pytest.mark.parametrize(
    "body",
    [
        b'{"Volumes":{"/a/../../etc":{}}}',
        b'{"Volumes":{"work":{}}}',
        b'{"Volumes":{"/":{}}}',
        b'{"User":"root"}',
        b'{"Env":["NOTHING"]}',
        b'{"WorkingDir":"work"}',
        b"[1]",
        b"not json",
    ],
)
def test_refuses_senseless_metadata(body: bytes):
    with pytest.raises(ValueError):
        decode_config(body)


def test_does_not_write_what_it_would_not_read(tmp_path: Path):
    (tmp_path / "a.sqfs").write_bytes(b"hsqs")
    with pytest.raises(ValueError, match="volume"):
        append_config(tmp_path / "a.sqfs", ImageConfig(volumes={"../x": {}}))
    assert (tmp_path / "a.sqfs").read_bytes() == b"hsqs"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    path = tmp_path_factory.mktemp("any") / "x"
    path.write_bytes(b"hsqs" + data)
    try:
        read_config(path)
    except NotAnImage:
        pass


def test_is_named_by_sha3_224(tmp_path: Path):
    path = image(tmp_path / "a.gvmi")
    assert hash_image(path) == hashlib.sha3_224(path.read_bytes()).hexdigest()
