"""The alternatives: bare loops without database, guard, deadline and retry, each a separate program.

    python -m benchmarks.loops KIND --url http://127.0.0.1:8000/tiny/ --images 1000 --threads 64 [--gpu]

Prints one line of JSON: seconds of wall-clock time, seconds of processor time, and the peak of memory in MB.

content
    requests, one session per thread, the body read at once; the size by Pillow from the header.
stream
    The same, the body read in large pieces.
libcurl
    libcurl instead of requests: the least possible.
decode
    As `content`, with every pixel decoded: what most services of this kind do.
"""

import argparse
import io
import json
import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from PIL import Image

READ_BYTES = 2**20
GPU_SECONDS = 0.1, 0.4

_thread = threading.local()


def _session() -> requests.Session:
    session: requests.Session | None = getattr(_thread, "session", None)
    if session is None:
        session = _thread.session = requests.Session()
        session.trust_env = False
    return session


def content(url: str) -> tuple[int, int]:
    response = _session().get(url, timeout=30)
    response.raise_for_status()
    return _size(io.BytesIO(response.content))


def stream(url: str) -> tuple[int, int]:
    body = io.BytesIO()
    with _session().get(url, timeout=30, stream=True) as response:
        response.raise_for_status()
        while piece := response.raw.read(READ_BYTES):
            body.write(piece)
    return _size(body)


def libcurl(url: str) -> tuple[int, int]:
    import pycurl  # only this loop needs it

    curl = getattr(_thread, "curl", None)
    if curl is None:
        curl = _thread.curl = pycurl.Curl()
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.FAILONERROR, 1)
    body = io.BytesIO()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.WRITEDATA, body)
    curl.perform()
    return _size(body)


def decode(url: str) -> tuple[int, int]:
    response = _session().get(url, timeout=30)
    response.raise_for_status()
    with Image.open(io.BytesIO(response.content)) as image:
        image.load()
        return image.size


def _size(body: io.BytesIO) -> tuple[int, int]:
    with Image.open(body) as image:
        return image.size


KINDS: dict[str, Callable[[str], tuple[int, int]]] = {
    "content": content,
    "stream": stream,
    "libcurl": libcurl,
    "decode": decode,
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--url", required=True, help="prefix of the images' URLs; the number of each is appended")
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--gpu", action="store_true", help="with the simulated GPU step")
    options = parser.parse_args(arguments)
    measure = KINDS[options.kind]

    def work(number: int) -> int:
        width, height = measure(f"{options.url}{number}.jpg")
        if options.gpu:
            time.sleep(random.uniform(*GPU_SECONDS))  # noqa: S311 - simulates, protects nothing
        return 2 * (height + width)

    work(0)  # a warm-up: sessions and modules are made at the first use
    cpu, begun = time.process_time(), time.monotonic()
    with ThreadPoolExecutor(options.threads) as pool:
        perimeters = list(pool.map(work, range(options.images)))
    seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    assert len(set(perimeters)) == 1
    # Of this program alone: the figure of getrusage starts at its parent's.
    peak_mb = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    json.dump({"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
