"""The layout of a folder of images: which folders are classes, and which are the parts of a split."""

import os
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.errors import DataError
from tasks.datasets.images.source import LabelledImage
from tasks.datasets.images.split import FolderSplit
from tasks.datasets.images.walking import is_hidden

TRAIN, VALIDATION, TEST = "train", "validation", "test"
ROLES = {
    "train": TRAIN, "training": TRAIN, "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION,
    "test": TEST, "testing": TEST,
}  # fmt: skip
"""Names of folders that are parts of a split, in lower case."""
FILLERS = ("", "set", "data", "images", "seg")
"""Words that the name of a part can have besides its role, as in `training_set`."""
SHOWN_FOLDERS = 3


@dataclass(frozen=True)
class ImageLayout:
    """Images with their classes, and what a reader must know about the folders.

    Parameters
    ----------
    images : list of LabelledImage
        Images, sorted by file.
    split : FolderSplit, optional
        Split that the folders make; None where the top folders are the classes.
    notes : list of str
        Sentences about folders and images that are passed over.
    """

    images: list[LabelledImage]
    split: FolderSplit | None
    notes: list[str]


@dataclass(frozen=True)
class _SplitPart:
    """One part of a split; the folders of its classes lie below `prefix`."""

    folder: str
    prefix: str
    role: str
    images: list[LabelledImage]
    unlabelled: int


def read_layout(root: Path, files: Sequence[str]) -> ImageLayout:
    """Find the classes of image files in a folder.

    Each class has a sub-folder, and whatever lies deeper belongs to this class; or all files lie in the folder itself,
    and their names begin with the class and a dot (`cat.0.jpg`). If the sub-folders are called train, validation and
    test, they are the parts of a split, and each part has one of these two layouts.

    Parameters
    ----------
    root : Path
        Folder of images.
    files : sequence of str
        Image files, relative to the folder.

    Raises
    ------
    DataError
        If the classes cannot be told.
    """
    base = _base_of_split(files)
    layout = _one_set(root, files) if base is None else _several_parts(root, files, base)
    _refuse_alike(root, {image.label for image in layout.images})
    return layout


def _one_set(root: Path, files: Sequence[str]) -> ImageLayout:
    return ImageLayout(sorted(_labelled(root, "", files)), None, _empty_folders(root, [""], files))


def _several_parts(root: Path, files: Sequence[str], base: str) -> ImageLayout:
    parts = _parts(root, files, base)
    labelled = [part for part in parts if part.images]
    aside = _role_of_holdout(labelled)
    images = [image._replace(held_out=part.role == aside) for part in labelled for image in part.images]
    split = FolderSplit(
        training=tuple(part.folder for part in labelled if part.role != aside),
        held_out=tuple(part.folder for part in labelled if part.role == aside),
    )
    unlabelled = {part.folder: part.unlabelled for part in parts if part.unlabelled}
    beside = {name: len(inner) for name, inner in _grouped(files, base).items() if not _role(name)}
    notes = [
        *_passed_over("images without a class", unlabelled),
        *_passed_over("images beside the parts of the split", beside),
    ]
    empty = _empty_folders(root, [base, *(part.prefix for part in parts)], files)
    return ImageLayout(sorted(images), split, [*notes, *empty])


def _base_of_split(files: Sequence[str]) -> str | None:
    """Folder, with a slash at its end, whose sub-folders are parts of a split; None without a split."""
    base = ""
    while True:
        groups = _grouped(files, base)
        if _is_split(groups, base):
            return base
        if len(groups) != 1 or "" in groups:
            return None
        base += f"{next(iter(groups))}/"


def _is_split(groups: dict[str, list[str]], base: str) -> bool:
    folders = [folder for folder in groups if folder]
    named = [folder for folder in folders if _role(folder)]
    roles = {_role(folder) for folder in named}
    if not named or len(named) == len(folders):
        return bool(named)
    # beside a train and a test folder with classes, another folder is no third class
    train = [folder for folder in named if _role(folder) == TRAIN]
    return len(roles) > 1 and any(
        set(_grouped(groups[folder], f"{base}{folder}/")) != {""} for folder in train
    )


def _parts(root: Path, files: Sequence[str], base: str) -> list[_SplitPart]:
    groups = {folder: inner for folder, inner in _grouped(files, base).items() if _role(folder)}
    train = [folder for folder in groups if _role(folder) == TRAIN] or list(groups)
    parts = [_training_part(root, groups[folder], base, folder) for folder in train]
    known = {image.label for part in parts for image in part.images}
    others = [folder for folder in groups if folder not in train]
    return parts + [_other_part(root, groups[folder], base, folder, known) for folder in others]


def _training_part(root: Path, files: list[str], base: str, folder: str) -> _SplitPart:
    prefix = _unwrapped(files, base, folder)
    return _SplitPart(folder, prefix, _role(folder), _labelled(root, prefix, files), 0)


def _other_part(root: Path, files: list[str], base: str, folder: str, known: Collection[str]) -> _SplitPart:
    """A part for validation or test, whose images may have no class."""
    prefix = _unwrapped(files, base, folder)
    groups = _grouped(files, prefix)
    if set(groups) == {""}:
        images = [LabelledImage(file, _name_before_dot(file)) for file in files]
    else:
        images = _labelled(root, prefix, files)
    if len({image.label for image in images}) == 1 or set(groups) == {""}:
        # one folder for all images, as some tools want it, is no class
        images = [image for image in images if image.label in known]
    return _SplitPart(folder, prefix, _role(folder), images, len(files) - len(images))


def _unwrapped(files: list[str], base: str, folder: str) -> str:
    """Prefix of a part; in some archives a part lies in a folder of the same name (`train/train/cat`)."""
    prefix = f"{base}{folder}/"
    while True:
        groups = _grouped(files, prefix)
        only = next(iter(groups))
        if len(groups) != 1 or not only or _role(only) != _role(folder):
            return prefix
        prefix += f"{only}/"


def _role_of_holdout(labelled: Sequence[_SplitPart]) -> str:
    """Role of the parts whose images are set aside: the test, or else the validation; empty without others."""
    roles = {part.role for part in labelled}
    return next((role for role in (TEST, VALIDATION) if role in roles and len(roles) > 1), "")


def _labelled(root: Path, prefix: str, files: Sequence[str]) -> list[LabelledImage]:
    """Images of one set with their classes."""
    groups = _grouped(files, prefix)
    flat = groups.pop("", [])
    _refuse_linked_folders(root, [*flat, *(f"{prefix}{folder}" for folder in groups)])
    if flat and groups:
        raise DataError(
            f"'{root / prefix}' holds images both in sub-folders and beside them ('{flat[0]}'); "
            "put each image into the sub-folder of its class"
        )
    if flat:
        return [LabelledImage(file, _class_in_name(root, file)) for file in flat]
    return [LabelledImage(file, _class(folder)) for folder, inner in groups.items() for file in inner]


def _class(folder: str) -> str:
    """Name of a class; the letters of macOS and of other systems can have other codes for the same name."""
    return unicodedata.normalize("NFC", folder)


def _class_in_name(root: Path, file: str) -> str:
    label = _name_before_dot(file)
    if not label:
        raise DataError(
            f"the name of '{root / file}' does not begin with a class; name files like cat.0.jpg, "
            "or put the images of each class into a sub-folder"
        )
    return label


def _name_before_dot(file: str) -> str:
    label, *others = file.rpartition("/")[2].split(".")
    return _class(label) if len(others) >= 2 else ""


def _role(folder: str) -> str:
    """Role of a part of a split by the name of its folder; empty for any other folder."""
    words = [word for word in re.split(r"[\W_\d]+", folder.casefold()) if word not in FILLERS]
    return ROLES.get(words[0], "") if len(words) == 1 else ""


def _grouped(files: Sequence[str], prefix: str) -> dict[str, list[str]]:
    """Files below a prefix by their first folder; those that lie in no further folder have the key ''."""
    groups: dict[str, list[str]] = {}
    for file in files:
        folder, slash, _ = file[len(prefix) :].partition("/")
        groups.setdefault(folder if slash else "", []).append(file)
    return groups


def _refuse_linked_folders(root: Path, places: Sequence[str]) -> None:
    linked = next(
        (place for place in places if os.path.islink(root / place) and (root / place).is_dir()), None
    )
    if linked is not None:
        raise DataError(
            f"'{root / linked}' is a symbolic link to a folder, which is not followed; put the folder itself there"
        )


def _refuse_alike(root: Path, labels: Collection[str]) -> None:
    seen: dict[str, str] = {}
    for label in sorted(labels):
        other = seen.setdefault(" ".join(label.casefold().split()), label)
        if other != label:
            raise DataError(
                f"classes '{other}' and '{label}' in '{root}' differ only in case or blanks; if they are one class, "
                "give them one name, else rename one of them"
            )


def _empty_folders(root: Path, prefixes: Sequence[str], files: Sequence[str]) -> list[str]:
    """Sentence about folders that could be meant as classes or parts but hold no image."""
    empty = [name for prefix in prefixes for name in _without_image(root, prefix, files)]
    if not empty:
        return []
    shown = ", ".join(f"'{name}'" for name in empty[:SHOWN_FOLDERS])
    others = f" and {len(empty) - SHOWN_FOLDERS:,} more" if len(empty) > SHOWN_FOLDERS else ""
    return [f"folders without an image are no classes: {shown}{others}"]


def _without_image(root: Path, prefix: str, files: Sequence[str]) -> list[str]:
    groups = _grouped([file for file in files if file.startswith(prefix)], prefix)
    with os.scandir(root / prefix) as entries:
        folders = [f"{prefix}{entry.name}" for entry in entries if entry.is_dir(follow_symlinks=False)]
    return sorted(name for name in folders if name[len(prefix) :] not in groups and not is_hidden(f"{name}/"))


def _passed_over(what: str, counts: Mapping[str, int]) -> list[str]:
    """Sentence about images that are passed over, with their number in each folder; none without such images."""
    if not counts:
        return []
    return [
        f"{what} are passed over: " + ", ".join(f"{n:,} in '{name or '.'}'" for name, n in counts.items())
    ]
