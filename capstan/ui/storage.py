"""Assets under names with hashes, compressed: what set-up makes with `collectstatic`, and what pages link to."""

from collections.abc import Iterable, Iterator

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # it has no types
    """A file whose name has its hash is compressed once, however often the assets are made."""

    keep_only_hashed_files = True

    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        yield from super().compress_files({path for path in paths if not self.exists(f"{path}.br")})
