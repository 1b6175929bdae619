"""Which storage of Django's holds kept photos: a folder, or a bucket at S3 or Google."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from retail_pulse.environment import refuse

_BUCKET = re.compile(r"(s3|gs)://([a-z0-9][a-z0-9._-]{1,61}[a-z0-9])(?:/([A-Za-z0-9!_.*'()/-]{0,200}))?")
# A bucket that does not answer is away; a slot must not wait for it as long as the library would.
_S3_CLIENT = {
    "connect_timeout": 5,
    "read_timeout": 15,
    "retries": {"total_max_attempts": 1},
    "max_pool_connections": 64,
}
# The most that S3 takes in one part; a photo is never as large.
_ONE_PART_BYTES = 5 * 2**30
# Of a photo to or from Google's storage, in memory at once; a multiple of 256 KiB.
_CHUNK_BYTES = 2**20
_BACKENDS = {"s3": "storages.backends.s3.S3Storage", "gs": "storages.backends.gcloud.GoogleCloudStorage"}
_EXTRAS = {"s3": ("boto3", "s3"), "gs": ("google.cloud.storage", "gcs")}


def photo_storage(folder: Path, bucket: str, endpoint: str) -> dict[str, Any]:
    """The entry of STORAGES; raises ImproperlyConfigured where the bucket's name is wrong or its library is missing.

    Credentials are found by the library: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or
    GOOGLE_APPLICATION_CREDENTIALS, or the machine's own role.
    """
    if not bucket:
        return {"BACKEND": "jobs.imaging.photo_store.PhotoFolder", "OPTIONS": {"location": folder}}
    match = _BUCKET.fullmatch(bucket)
    if match is None:
        raise refuse(
            "KEEP_BUCKET", bucket, "s3://bucket or gs://bucket, and a folder in it, such as s3://bucket/photos"
        )
    scheme, name, prefix = match[1], match[2], (match[3] or "").strip("/")
    module, extra = _EXTRAS[scheme]
    if not _is_installed(module) or not _is_installed("storages"):
        raise ImproperlyConfigured(
            f"KEEP_BUCKET={bucket}: the extra {extra} is not installed: pip install 'retail-pulse[{extra}]', or unset "
            "it to keep photos in a folder."
        )
    options: dict[str, Any] = {"bucket_name": name, "location": prefix, "default_acl": None, "file_overwrite": True}
    if scheme == "s3":
        from boto3.s3.transfer import TransferConfig
        from botocore.config import Config

        # Sent from the file itself, in the slot's own thread: in parts, each photo would take threads and its own size
        # of memory, for every slot at once.
        transfer = TransferConfig(use_threads=False, multipart_threshold=_ONE_PART_BYTES)
        options |= {"client_config": Config(**_S3_CLIENT), "transfer_config": transfer, "querystring_auth": True}
        if endpoint:
            options["endpoint_url"] = endpoint
    else:
        options["blob_chunk_size"] = _CHUNK_BYTES
    return {"BACKEND": _BACKENDS[scheme], "OPTIONS": options}


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
