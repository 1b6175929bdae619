"""Imports that people check before they happen: dry-run a file, see what it would do, apply it, once.

A dry run keeps its file and leaves the store master unchanged. Applying runs the import for real on the same bytes.
What changed in the store master between the two is no reason to refuse: the import compares again within its own
transaction, and its report replaces that of the dry run.

Files are deleted as soon as possible. A stored import keeps its file only where rows of it were rejected; a
dry run that nobody applied is deleted after a day; of all imports at most the newest KEEP_FILES have a file. Imports
themselves are deleted when somebody prunes what is old.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, BinaryIO

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.db.models.functions import Now

from stores.importer import import_stores
from stores.models.store_import import MAX_NAME, StoreImport
from stores.rejects import rejects_csv

KEEP_DRY_RUNS = timedelta(days=1)
KEEP_FILES = 50

Person = User | AnonymousUser | None


class ImportRefused(Exception):
    """An import that does not happen; the sentence says why and what to do.

    ImportRefused
     ├── AlreadyStored
     ├── NotStorable
     ├── FileForgotten
     └── ContradictingOptions
    """

    code = "import_refused"


class AlreadyStored(ImportRefused):
    code = "already_stored"


class NotStorable(ImportRefused):
    code = "not_storable"


class FileForgotten(ImportRefused):
    code = "file_forgotten"


class ContradictingOptions(ImportRefused):
    code = "contradicting_options"


def dry_run(
    file: BinaryIO,
    name: str,
    user: Person,
    *,
    encoding: str = "",
    sheet: str = "",
    skip_rejected: bool = False,
    prune: bool = False,
) -> StoreImport:
    """What importing `file` would do; stores nothing in the store master, and deletes files that are kept no longer.

    `name` is the file's own, for people. Empty, `encoding` and `sheet` are as by default, see `reader.open_stores`.
    Raises UnreadableFileError, and ContradictingOptions where both `prune` and `skip_rejected` are set; then
    no row is made.
    """
    if prune and skip_rejected:
        raise ContradictingOptions(
            "Leaving rejected rows out and deleting missing stores exclude each other: "
            "the store of a rejected row would be deleted because of the row's fault."
        )
    content = file.read()
    made = StoreImport(
        name="".join(filter(str.isprintable, name))[:MAX_NAME] or "unnamed",
        content=content,
        encoding=encoding,
        sheet=sheet,
        skip_rejected=skip_rejected,
        prune=prune,
        **_by(user, "uploaded"),
    )
    made.report = _import(made, dry_run=True)
    made.save()
    forget()
    return made


def apply(store_import: StoreImport, user: Person) -> StoreImport:
    """Import the file of a dry run for real, in one transaction, and return the row as it is then.

    The row is locked first, so that of two clicks at once the second waits, and then finds it stored.
    Raises AlreadyStored, NotStorable where rows are rejected and not to be left out or ids are doubled, and
    FileForgotten; then the store master is unchanged.
    """
    with transaction.atomic():
        rows = StoreImport.objects.defer(None).select_for_update(of=["self"])
        locked = rows.filter(pk=store_import.pk).first()
        if locked is not None and locked.stored_at is not None:
            raise AlreadyStored(f"The file {locked.name} is stored already.")
        if locked is None or not locked.content:
            raise _forgotten(store_import)
        if refusal := why_not(locked):
            raise NotStorable(refusal)
        locked.report = _import(locked, dry_run=False)
        # A file's faults are its own, whatever the store master holds; but an older release may have made the dry run.
        if refusal := why_not(locked):
            raise NotStorable(refusal)
        for field, value in _by(user, "stored").items():
            setattr(locked, field, value)
        locked.stored_at = Now()
        if not locked.rejects:
            locked.content = b""
        locked.save(update_fields=["report", "stored_by", "stored_by_name", "stored_at", "content"])
    return StoreImport.objects.get(pk=locked.pk)


def why_not(store_import: StoreImport) -> str | None:
    """The sentence that says why this file cannot be stored as it is; None where it can."""
    report = store_import.report
    if report["duplicate_ids"]:
        return "The same store id is in several lines: keep one line of each, and upload the file again."
    if report["rejected_rows"] and not store_import.skip_rejected:
        return "Rows are rejected: correct them and upload the file again, or leave the rejected rows out."
    return None


def rejects(store_import: StoreImport) -> Iterator[bytes]:
    """`rejects.rejects_csv` of the import's file. Raises FileForgotten where it is no longer kept."""
    return rejects_csv(kept_file(store_import), store_import.encoding or None, store_import.sheet or None)


def kept_file(store_import: StoreImport) -> BinaryIO:
    """The uploaded bytes, to be read once more. Raises FileForgotten."""
    content = StoreImport.objects.filter(pk=store_import.pk).values_list("content", flat=True).first()
    if not content:
        raise _forgotten(store_import)
    return BytesIO(content)


def forget() -> None:
    """Delete dry runs that nobody applied within a day, and the bytes of all imports but the newest KEEP_FILES."""
    with transaction.atomic():
        # Rows that somebody is applying at this moment are skipped; the next dry run finds them again.
        free = StoreImport.objects.select_for_update(skip_locked=True)
        old = free.dry_runs().filter(uploaded_at__lt=Now() - KEEP_DRY_RUNS)
        StoreImport.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
        newest = StoreImport.objects.with_file().order_by("-pk").values_list("pk", flat=True)[:KEEP_FILES]
        rest = free.with_file().exclude(pk__in=list(newest))
        StoreImport.objects.filter(pk__in=list(rest.values_list("pk", flat=True))).update(content=b"")


def forget_stored(before: datetime) -> int:
    """Delete imports that were stored before `before`, with whatever is kept of their files. Returns how many."""
    old = StoreImport.objects.stored().filter(stored_at__lt=before)
    return old.delete()[0]


def _import(store_import: StoreImport, *, dry_run: bool) -> dict[str, Any]:
    return import_stores(
        BytesIO(store_import.content),
        encoding=store_import.encoding or None,
        sheet=store_import.sheet or None,
        dry_run=dry_run,
        prune=store_import.prune,
        skip_rejected=store_import.skip_rejected,
    ).as_json()


def _by(user: Person, verb: str) -> dict[str, Any]:
    if user is None or not user.is_authenticated:
        return {}
    return {f"{verb}_by": user, f"{verb}_by_name": user.get_username()}


def _forgotten(store_import: StoreImport) -> FileForgotten:
    return FileForgotten(f"The file {store_import.name} is no longer kept: upload it again.")
