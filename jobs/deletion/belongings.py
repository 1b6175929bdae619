"""What goes with an image, a visit, a photo's evidence or a job; apps above this one add theirs."""

from collections.abc import Callable, Iterable

# Each with a column `image_id`.
of_images = ["jobs_failedattempt", "jobs_photoevidence"]
of_evidence: list[str] = []
# Each with a column `visit_id`.
of_visits: list[str] = []
# Each deletes at most so many rows that belong to these jobs, within the transaction, and returns how many there were.
of_jobs: list[Callable[[list[int], int], int]] = []


def with_belongings(statement: str, column: str, tables: Iterable[str]) -> str:
    """The statement, which also deletes the rows of these tables that belong to the ids of its `slice`."""
    parts = (
        f"of_{table} AS (DELETE FROM {table} WHERE {column} = ANY (ARRAY(SELECT id FROM slice))),"  # noqa: S608 - names
        for table in tables
    )
    return statement.format(belongings=" ".join(parts))
