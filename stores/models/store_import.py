from __future__ import annotations

from typing import cast

from django.conf import settings
from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Now

# In characters; longer names of files are cut.
MAX_NAME = 255
# Of a sheet's name; Excel allows 31.
MAX_SHEET = 64


class StoreImportQuerySet(models.QuerySet["StoreImport"]):
    def dry_runs(self) -> StoreImportQuerySet:
        """Those that are not stored, yet or ever."""
        return self.filter(stored_at=None)

    def stored(self) -> StoreImportQuerySet:
        return self.exclude(stored_at=None)

    def with_file(self) -> StoreImportQuerySet:
        """Those whose bytes are still kept."""
        return self.filter(kept_bytes__gt=0)

    def with_summary(self) -> StoreImportQuerySet:
        """For lists: the report's one sentence as `summary`; the whole reports stay in the database."""
        return self.defer("report").annotate(summary=KT("report__summary"))


_Manager = models.Manager.from_queryset(StoreImportQuerySet)


class StoreImportManager(_Manager["StoreImport"]):
    """Leaves the bytes in the database until they are asked for: a list of imports would read gigabytes."""

    def get_queryset(self) -> StoreImportQuerySet:
        return cast(StoreImportQuerySet, super().get_queryset().defer("content"))


class StoreImport(models.Model):
    """One uploaded store master, and its result; `stores/imports.py` writes every one of these rows.

                dry run                     apply
        file ───────────────► dry run ────────────────► stored ── prune ──► deleted
                                 └── a day later ──► deleted

    `report` is an `import_report.ImportReport` as JSON: of the dry run, and of the import itself once stored.
    """

    name = models.CharField("file", max_length=MAX_NAME)
    # The file itself, empty once nobody needs it any more: after it was stored, except where rows were rejected.
    content = models.BinaryField(default=bytes, editable=False)
    kept_bytes = models.GeneratedField(
        expression=models.Func(models.F("content"), function="octet_length"),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    # As asked for; empty where it was to be detected. The report says which one the file was read in.
    encoding = models.CharField(max_length=40, blank=True, default="")
    # Of a workbook, as asked for; empty where it was to be the first one.
    sheet = models.CharField(max_length=MAX_SHEET, blank=True, default="", db_default="")
    skip_rejected = models.BooleanField(default=False)
    prune = models.BooleanField(default=False)
    report = models.JSONField(default=dict)
    # The names are kept when the users are deleted.
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    uploaded_by_name = models.CharField("uploaded by", max_length=150, blank=True, default="")
    uploaded_at = models.DateTimeField(db_default=Now(), editable=False)
    stored_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    stored_by_name = models.CharField("stored by", max_length=150, blank=True, default="")
    stored_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = StoreImportManager()

    class Meta:
        verbose_name = "store import"
        constraints = [
            # The store of a rejected row would be deleted because of the row's fault.
            models.CheckConstraint(
                condition=~models.Q(prune=True, skip_rejected=True), name="store_import_prunes_or_skips"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({'dry run' if self.stored_at is None else 'stored'})"

    @property
    def state(self) -> str:
        """As the API names it: `rehearsed` after the dry run, then `stored`."""
        return "rehearsed" if self.stored_at is None else "stored"

    @property
    def rejects(self) -> int:
        """Rows that `imports.rejects` would list at least; 0 where there is none."""
        return int(self.report["rejected_rows"] + self.report["duplicate_ids"])

    @property
    def has_rejects_file(self) -> bool:
        """Whether there are rejected rows, and the file that holds them is still kept."""
        return bool(self.rejects and self.kept_bytes)
