"""Archives for tests: layers from a few words, and the formats that carry layers."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = object()


def layer(files: Mapping[str, object]) -> bytes:
    """A tar: bytes are a file, FOLDER a folder, "-> x" a symbolic link, "= x" a hard link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            archive.addfile(*_member(name, content))
    return out.getvalue()


def _member(name: str, content: object) -> tuple[tarfile.TarInfo, io.BytesIO | None]:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime, info.uid = 0o755, 1_000_000, 12
    if content is FOLDER:
        info.type = tarfile.DIRTYPE
    elif isinstance(content, str):
        kind, info.linkname = content.split(" ", 1)
        info.type = tarfile.SYMTYPE if kind == "->" else tarfile.LNKTYPE
    else:
        assert isinstance(content, bytes)
        info.size = len(content)
        return info, io.BytesIO(content)
    return info, None


def docker_archive(path: Path, layers: Sequence[bytes], config: Mapping[str, object]) -> Path:
    blobs = {f"{number}/layer.tar": data for number, data in enumerate(layers)}
    manifest = [{"Config": "config.json", "Layers": list(blobs)}]
    blobs["config.json"] = json.dumps({"config": config}).encode()
    path.write_bytes(layer({**blobs, "manifest.json": json.dumps(manifest).encode()}))
    return path


def oci_layout(path: Path, layers: Sequence[bytes], config: Mapping[str, object]) -> Path:
    blobs = path / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def store(data: bytes) -> dict[str, str]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}"}

    manifest = {
        "layers": [store(gzip.compress(data)) for data in layers],
        "config": store(json.dumps({"config": config}).encode()),
    }
    index = {"manifests": [store(json.dumps(manifest).encode())]}
    (path / "index.json").write_text(json.dumps(index))
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return path
