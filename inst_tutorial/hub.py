"""Repositories of the Hugging Face hub: from the cache, or else from the network.

A repository that cannot be fetched gets an error that says what to do about it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from inst_tutorial.configs import PainterError

SUGGESTION = "stable-diffusion-v1-5/stable-diffusion-v1-5"  # named in messages as a way out
VARIANTS = ("*.fp16.*", "*.non_ema.*")  # the same weights in other forms, which are not read


def is_hub_id(name: str) -> bool:
    """Whether the hub could have a repository of this name, as "owner/name"."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return "/" in name


def snapshot(
    name: str, revision: str | None, wanted: Sequence[str], check: Callable[[Path], object]
) -> Path:
    """The local folder of the hub's repository `name`; its own name is the commit.

    wanted: patterns of the files that are fetched. check: raises PainterError for a folder that
    is not complete; the network is used only if the cache fails this check. Raises PainterError.
    """
    try:
        folder = _download(name, revision, wanted, local=True)
        check(folder)
        return folder
    except (OSError, PainterError):
        pass  # not, or not wholly, in the cache
    try:
        folder = _download(name, revision, wanted, local=False)
    except Exception as error:  # the client raises errors of several libraries
        raise PainterError(_way_out(name, revision, error)) from error
    try:
        check(folder)
    except PainterError as error:
        raise PainterError(
            f"{error}. This is what the hub's cache has of {name!r}: if its download was cut "
            f"short, repeat it with a network connection."
        ) from error
    return folder


def _download(name: str, revision: str | None, wanted: Sequence[str], *, local: bool) -> Path:
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            name,
            revision=revision,
            allow_patterns=list(wanted),
            ignore_patterns=list(VARIANTS),
            local_files_only=local,
        )
    )


def _way_out(name: str, revision: str | None, error: Exception) -> str:
    """Why a repository could not be fetched, and what to do about it."""
    from huggingface_hub.errors import (
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):  # a kind of RepositoryNotFoundError
        return (
            f"{name!r} is gated: log in at https://huggingface.co/{name}, accept its licence "
            f"there, run `hf auth login` here, and try again"
        )
    if isinstance(error, RevisionNotFoundError):
        return f"{name!r} has no revision {revision!r}: its page lists branches, tags and commits"
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"the hub has no {name!r}, or it is private: check the spelling, run `hf auth login` "
            f"if it is yours, or take {SUGGESTION!r}"
        )
    message = (str(error).splitlines() or [""])[0]
    at_revision = f" at revision {revision!r}" if revision else ""
    pinned = f" --revision {revision}" if revision else ""
    return (
        f"{name!r}{at_revision} is not a folder here, not in the hub's cache, and could not be "
        f"fetched ({type(error).__name__}: {message}). Once, with a network "
        f"connection, run `hf download {name}{pinned}` (after `hf auth login` if it is gated), or "
        f"name a local folder, or use 'paintbox', which needs no network."
    )
