"""What a model has read on photos, compared with the names of their stores, see `stores/signs.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connection

from photos import kinds
from stores.signs import MOST_WORDS, Shown, read
from stores.words import words_of

# Stores that are counted, of a word and in all: to what is in more, an exact number adds nothing.
MOST_COUNTED = 10_000
_CODES = {Shown.YES: kinds.SHOWS_NAME, Shown.NOT_SEEN: kinds.NAME_NOT_SEEN}

# Of one step its answer, of several their answers by name; `lines` is what SignStep calls what it has read.
_READ = """
    SELECT image.id, store.name, store.words, answer.read
    FROM unnest(%(images)s::bigint[]) AS batch (id)
    CROSS JOIN LATERAL (SELECT id, visit_id, gpu_result FROM jobs_imageresult WHERE id = batch.id OFFSET 0) image
    CROSS JOIN LATERAL (
        SELECT coalesce(
            CASE WHEN jsonb_typeof(gpu_result -> 'lines') = 'array' THEN gpu_result END,
            jsonb_path_query_first(gpu_result, '$.*?(@.lines.type() == "array")')
        )
    ) answer (read)
    CROSS JOIN LATERAL (SELECT store_id FROM jobs_visit WHERE id = image.visit_id OFFSET 0) visit
    CROSS JOIN LATERAL (SELECT name, words FROM stores_store WHERE store_id = visit.store_id OFFSET 0) store
    WHERE image.gpu_result IS NOT NULL AND answer.read IS NOT NULL
"""
_HAVING = """
    SELECT word, (
        SELECT count(*) FROM (SELECT FROM stores_store WHERE words @> ARRAY[word] LIMIT %(most)s) AS with_it
    ) FROM unnest(%(words)s::text[]) AS word
"""
_SHARING = """
    SELECT number, (
        SELECT count(*) FROM (SELECT FROM stores_store WHERE words @> string_to_array(name.words, ' ') LIMIT %(most)s)
            AS with_all
    ) FROM unnest(%(names)s::text[]) WITH ORDINALITY AS name (words, number)
"""
_STORES = """
    SELECT greatest(reltuples, (SELECT count(*) FROM (SELECT FROM stores_store LIMIT %(most)s) AS first))::bigint
    FROM pg_class WHERE oid = 'stores_store'::regclass
"""


def read_signs(images: Sequence[int]) -> Iterator[dict[str, Any]]:
    """For each of these images that a model has read: whether it shows the store's name, as a finding.

    Each holds `image_id`, `code`, `model`, `version` and `details`. Of a name that many stores share, and of one in
    another script, nothing is said.
    """
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"images": list(images)})
        rows = cursor.fetchall()
        if not rows:
            return
        names = {name: (words or words_of(name))[:MOST_WORDS] for _, name, words, _ in rows}
        cursor.execute(_STORES, {"most": MOST_COUNTED})
        (stores,) = cursor.fetchone()
        cursor.execute(
            _HAVING, {"words": sorted({word for words in names.values() for word in words}), "most": MOST_COUNTED}
        )
        having = dict(cursor.fetchall())
        cursor.execute(_SHARING, {"names": [" ".join(words) for words in names.values()], "most": MOST_COUNTED})
        sharing = dict(zip(names, (number for _, number in sorted(cursor.fetchall())), strict=True))
    for image, name, _, text in rows:
        answer = json.loads(text)
        reading = read(name, _texts(answer["lines"]), stores=stores, having=having, sharing=sharing[name])
        if (code := _CODES.get(reading.shown)) is not None:
            yield {
                "image_id": image,
                "code": code,
                "model": str(answer.get("model", ""))[:64] or "unnamed",
                "version": str(answer.get("version", ""))[:64],
                # Not what was read: that may be anybody's name or number.
                "details": {"share": reading.share, "words": list(reading.found), "stores_sharing": reading.sharing},
            }


def _texts(lines: Iterable[Any]) -> Iterator[str]:
    for line in lines:
        text = line.get("text") if isinstance(line, dict) else line
        if isinstance(text, str):
            yield text
