"""The files of an image as a tree: layers are laid over each other, and the result is written as one tar.

The rules for deleted files (whiteouts) are those of the OCI image specification, "Image Layer Filesystem
Changeset". Nothing is ever unpacked on this machine, so a hostile archive has nothing to escape from.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

from golemnet.image.errors import BadSource

MAX_ENTRIES = 1_000_000
MAX_DEPTH = 200
_MAX_LINKS = 40
_MAX_TIME = 2**32 - 1
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


@dataclass(frozen=True, eq=False)
class Entry:
    """A file, folder or link in the archive it came from; hard links share one."""

    info: tarfile.TarInfo
    archive: tarfile.TarFile | None


@dataclass(eq=False)
class Node:
    """A name in the tree; ``children`` is None unless it is a folder."""

    entry: Entry
    children: dict[str, Node] | None = None


@dataclass(eq=False)
class Tree:
    """The merged files of the layers added until now, from the lowest to the topmost."""

    root: Node = field(default_factory=lambda: _folder(""))
    _count: int = 0

    def add_layer(self, archive: tarfile.TarFile) -> None:
        """Lay the files of ``archive`` over what is there.

        Raises:
            BadSource: the archive is damaged, hostile or beyond the bounds.
        """
        try:
            members = [(split_path(info.name), info) for info in archive]
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            raise BadSource("A layer is not a readable tar archive.", why=str(error)) from error
        self._count += len(members)
        if self._count > MAX_ENTRIES:
            raise BadSource(f"The image has more than {MAX_ENTRIES} files.")
        self._delete([parts for parts, _ in members if parts and parts[-1].startswith(_WHITEOUT)])
        for parts, info in members:
            if parts and not parts[-1].startswith(_WHITEOUT):
                self._put(parts, info, archive)

    def find(self, path: str) -> Entry | None:
        """What is at ``path``, with symbolic links followed inside the tree."""
        node = self._resolve(split_path(path), 0)
        return node.entry if node else None

    def read(self, path: str, limit: int) -> bytes | None:
        """The first ``limit`` bytes of the file at ``path``; None when there is no such file."""
        entry = self.find(path)
        if entry is None or entry.archive is None or not entry.info.isfile():
            return None
        content = entry.archive.extractfile(entry.info)
        return content.read(limit) if content else None

    def latest_time(self) -> int:
        """When the latest change was, in seconds since 1970 as the layers say."""
        return max((_seconds(entry.info) for _, entry in self._walk()), default=0)

    def write(self, out: IO[bytes]) -> None:
        """Write everything as a tar stream: sorted by path, owners, modes and times as in the layers."""
        written: dict[int, str] = {}
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for path, entry in self._walk():
                _write_entry(archive, path, entry, written)

    def _walk(self) -> Iterator[tuple[str, Entry]]:
        pending = [(name, node) for name, node in sorted((self.root.children or {}).items(), reverse=True)]
        while pending:
            path, node = pending.pop()
            yield path, node.entry
            children = sorted((node.children or {}).items(), reverse=True)
            pending += [(f"{path}/{name}", child) for name, child in children]

    def _delete(self, whiteouts: Sequence[tuple[str, ...]]) -> None:
        for *parents, name in whiteouts:
            folder = self._resolve(tuple(parents), 0)
            if folder is None or folder.children is None:
                continue
            if name == _OPAQUE:
                folder.children.clear()
            else:
                folder.children.pop(name.removeprefix(_WHITEOUT), None)

    def _put(self, parts: tuple[str, ...], info: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        children = self._make_folders(parts[:-1])
        old = children.get(parts[-1])
        entry = self._linked(info) if info.islnk() else Entry(info, archive)
        if info.isdir():
            kept = old.children if old else None
            children[parts[-1]] = Node(entry, kept if kept is not None else {})
        else:
            children[parts[-1]] = Node(entry)

    def _linked(self, info: tarfile.TarInfo) -> Entry:
        node = self._resolve(split_path(info.linkname), 0)
        if node is None or node.children is not None:
            raise BadSource(f"The hard link {info.name!r} leads nowhere.")
        return node.entry

    def _make_folders(self, parts: tuple[str, ...]) -> dict[str, Node]:
        children = _children(self.root)
        for index, name in enumerate(parts):
            node = children.get(name)
            if node is None:
                node = children[name] = _folder(name)
            if node.entry.info.issym():
                node = self._resolve(parts[: index + 1], 0)
            if node is None or node.children is None:
                raise BadSource(f"{'/'.join(parts)!r} is a folder in one layer and a file in another.")
            children = node.children
        return children

    def _resolve(self, parts: tuple[str, ...], links: int) -> Node | None:
        node = self.root
        for index, name in enumerate(parts):
            found = (node.children or {}).get(name)
            if found is None or links > _MAX_LINKS:
                return None
            if found.entry.info.issym():
                target = _target(parts[:index], found.entry.info.linkname)
                return self._resolve((*target, *parts[index + 1 :]), links + 1)
            node = found
        return node


def split_path(path: str) -> tuple[str, ...]:
    """The names in an archive's path, which is taken relative to the image's root.

    Raises:
        BadSource: it contains ``..`` or is too deep.
    """
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts or len(parts) > MAX_DEPTH or "\0" in path:
        raise BadSource(f"The archive has a path that leaves it: {path[:200]!r}.")
    return parts


def _target(folder: tuple[str, ...], link: str) -> tuple[str, ...]:
    parts = [] if link.startswith("/") else list(folder)
    for part in link.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return tuple(parts)


def _folder(name: str) -> Node:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    return Node(Entry(info, None), {})


def _children(node: Node) -> dict[str, Node]:
    assert node.children is not None
    return node.children


def _write_entry(out: tarfile.TarFile, path: str, entry: Entry, written: dict[int, str]) -> None:
    header = _header(path, entry.info)
    first = written.setdefault(id(entry), path)
    if first != path:
        header.type, header.linkname, header.size = tarfile.LNKTYPE, first, 0
        out.addfile(header)
    elif entry.info.isfile() and entry.archive is not None:
        header.size = entry.info.size
        out.addfile(header, entry.archive.extractfile(entry.info))
    else:
        out.addfile(header)


def _header(path: str, info: tarfile.TarInfo) -> tarfile.TarInfo:
    header = tarfile.TarInfo(path)
    header.type = tarfile.REGTYPE if info.isfile() else info.type
    header.mode, header.uid, header.gid = info.mode, info.uid, info.gid
    header.mtime = _seconds(info)
    header.linkname = info.linkname
    header.devmajor, header.devminor = info.devmajor, info.devminor
    return header


def _seconds(info: tarfile.TarInfo) -> int:
    return max(0, min(int(info.mtime), _MAX_TIME))
