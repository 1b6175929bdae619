"""An image server fast enough not to influence the results: nginx, with one worker, from the kernel's file cache."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from benchmarks.pictures import draw_all
from proofs.report import CannotProve
from proofs.world.ports import free_port

_READY_SECONDS = 10.0
_CONFIG = """
daemon off;
{user}
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=16;
    types {{ image/jpeg jpg; }}
    client_body_temp_path .; proxy_temp_path .; fastcgi_temp_path .; uwsgi_temp_path .; scgi_temp_path .;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root .;
{locations}
    }}
}}
"""


class Nginx:
    """Serves the picture NAME at every `/NAME/ANYTHING`, so that every image of a job has a different URL.

    Raises CannotProve where nginx is not installed.
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is None:
            raise CannotProve("nginx serves the images; on Debian: apt-get install nginx-light")
        self.port = free_port()
        folder.mkdir()
        # As root, nginx would run its worker as a user who may not enter the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        locations = "\n".join(
            f"        location /{name}/ {{ try_files /{name}.jpg =404; }}" for name in draw_all(folder)
        )
        (folder / "nginx.conf").write_text(_CONFIG.format(user=user, port=self.port, locations=locations))
        self._command = [program, "-p", f"{folder}/", "-c", "nginx.conf"]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + _READY_SECONDS
        with requests.Session() as session:
            session.trust_env = False
            while True:
                try:
                    session.get(self.url("tiny", 0), timeout=1).raise_for_status()
                    return self
                except requests.ConnectionError:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def url(self, picture: str, number: int) -> str:
        return f"http://127.0.0.1:{self.port}/{picture}/{number}.jpg"
