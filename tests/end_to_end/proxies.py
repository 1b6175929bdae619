"""nginx and Caddy with the files of `deploy/`, but for ports, certificates and where they keep what is theirs."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter

from proofs.world.authority import Authority
from proofs.world.ports import free_port
from tests import ROOT
from tests.end_to_end.programs import listening

NAME = "pulse.example"
PROGRAMS = {name: shutil.which(name) or shutil.which(name, path="/usr/sbin") for name in ("nginx", "caddy")}


class Proxy(NamedTuple):
    """A running proxy; `file` is the certificate of the authority that its own is signed by."""

    program: str
    port: int
    plain_port: int
    file: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def session(self) -> requests.Session:
        """A client that knows the proxy by its name."""
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.file)
        session.headers["Host"] = NAME
        session.mount("https://", Named())
        return session


class Named(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, server_hostname=NAME, assert_hostname=NAME)


def nginx_command(folder: Path, port: int, plain_port: int, service_port: int, certificate: Path) -> list[str]:
    server = (ROOT / "deploy/nginx/retail-pulse.conf").read_text()
    server = server.replace("127.0.0.1:8000", f"127.0.0.1:{service_port}")
    server = server.replace("listen 443", f"listen 127.0.0.1:{port}").replace(
        "listen 80", f"listen 127.0.0.1:{plain_port}"
    )
    server = re.sub(r"(ssl_certificate(?:_key)? +)\S+;", rf"\1{certificate};", server)
    own = " ".join(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; {user} pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off; {own} {server} }}"
    )
    return [str(PROGRAMS["nginx"]), "-e", "stderr", "-c", str(configuration)]


def caddy_command(folder: Path, port: int, plain_port: int, service_port: int, certificate: Path) -> list[str]:
    text = (ROOT / "deploy/caddy/Caddyfile").read_text()
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{service_port}")
    text = text.replace(f"\n{NAME} {{", f"\n{NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate} {certificate}\n")
    text = text.replace("\n{\n", f"\n{{\n\tadmin off\n\thttp_port {plain_port}\n\tstorage file_system {folder}\n", 1)
    configuration = folder / "Caddyfile"
    configuration.write_text(text)
    return [str(PROGRAMS["caddy"]), "run", "--adapter", "caddyfile", "--config", str(configuration)]


COMMANDS: dict[str, Callable[..., list[str]]] = {"nginx": nginx_command, "caddy": caddy_command}


@contextmanager
def running(program: str, folder: Path, service_port: int) -> Iterator[Proxy]:
    """The proxy in front of 127.0.0.1:`service_port`."""
    authority = Authority(folder)
    authority.server_context(NAME)
    (certificate,) = set(folder.glob("*.pem")) - {authority.file}
    proxy = Proxy(program, free_port(), free_port(), authority.file)
    command = COMMANDS[program](folder, proxy.port, proxy.plain_port, service_port, certificate)
    environment = os.environ | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with listening(command, proxy.port, folder / "output", environment):
        yield proxy
