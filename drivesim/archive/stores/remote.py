"""Read an archive from object storage or a web server by its URL, through fsspec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivesim.archive.files import FileMissing, FileProblem
from drivesim.errors import ArchiveError, InputError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # fsspec ships no types


def is_url(path: str | Path) -> bool:
    """Tells whether this is a URL such as `https://...` or `s3://...`, not a path."""
    return isinstance(path, str) and "://" in path


def filesystem_of(url: str, storage_options: dict[str, Any] | None = None) -> tuple[AbstractFileSystem, str]:
    """Returns the file system of a URL and the path in it; nothing is read yet.

    Args:
        url: Address of any protocol that fsspec knows.
        storage_options: Credentials and the like, as the protocol's file system takes them.

    Raises:
        MissingExtraError: The package of the protocol is not installed.
        InputError: No file system knows the protocol or takes these options.
    """
    import fsspec

    url = url.rstrip("/")
    try:
        filesystem, root = fsspec.core.url_to_fs(url, **(storage_options or {}))
    except ImportError as error:
        raise MissingExtraError(
            f"{url}: {error}. Web addresses need `pip install drivesim[remote]`, object storage the package that "
            "fsspec names for it (s3fs, gcsfs, adlfs)"
        ) from None
    except (TypeError, ValueError) as error:
        raise InputError(f"{url}: cannot be opened ({error})") from None
    return filesystem, root


class RemoteFiles:
    """The files of an archive at a URL.

    Storage that cannot be reached is an ArchiveError, never a file that is missing: an archive must not look shorter
    because a request failed.
    """

    def __init__(self, url: str, filesystem: AbstractFileSystem, root: str) -> None:
        self._url = url
        self._filesystem = filesystem
        self._root = root

    @classmethod
    def open(cls, url: str, storage_options: dict[str, Any] | None = None) -> RemoteFiles:
        """Returns the files at a URL; nothing is read yet.

        Args:
            url: Address of the archive, of any protocol that fsspec knows.
            storage_options: Credentials and the like, as the protocol's file system takes them.

        Raises:
            MissingExtraError: The package of the protocol is not installed.
            InputError: No file system knows the protocol or takes these options.
        """
        filesystem, root = filesystem_of(url, storage_options)
        return cls(url.rstrip("/"), filesystem, root)

    @property
    def name(self) -> str:
        """The URL."""
        return self._url

    def read(self, file: str, max_bytes: int) -> bytes:
        """Returns the content of a file (see `ArchiveFiles`); raises ArchiveError where the storage does not answer."""
        try:
            content: bytes = self._filesystem.cat_file(f"{self._root}/{file}", start=0, end=max_bytes + 1)
        except FileNotFoundError:
            raise FileMissing(file) from None
        except Exception as error:  # every file system of fsspec has errors of its own
            raise ArchiveError(
                f"{self._url}/{file}: cannot be fetched ({type(error).__name__}: {error}); check the address, the "
                "credentials and the network, then try again"
            ) from error
        if len(content) > max_bytes:
            raise FileProblem(file, f"holds more than the {max_bytes} bytes that are possible")
        return content

    def list(self, folder: str) -> None:
        """Returns None: web servers list nothing, so that nothing may depend on it."""
