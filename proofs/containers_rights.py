"""What the containers of a profile may do: user, capabilities, files, volumes."""

from proofs.containers_compose import OWN_IMAGE, Profile
from proofs.report import Findings

UID = "10001"
NO_CAPABILITIES = f"{0:016x}"
# Writable and kept: the state directory, and temporary files, which are not in memory.
STATE, TEMPORARY = "/var/lib/retail-pulse", "/var/tmp"  # noqa: S108 - the container's own


def show_rights(table: Findings, profile: Profile) -> None:
    """Report the rights of every running container of the service's own image, and of the database's."""
    for name, service in profile.services.items():
        if service["image"] != OWN_IMAGE or name == "setup":
            continue
        user = profile.execute(name, "id", "-u")
        table.add(f"{name}: user", user, UID, ok=user == UID)
        status = profile.execute(name, "cat", "/proc/1/status")
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        for what, wanted in (("CapEff", NO_CAPABILITIES), ("CapBnd", NO_CAPABILITIES), ("NoNewPrivs", "1")):
            table.add(f"{name}: {what}", facts[what], wanted, ok=facts[what] == wanted)
        for path, wanted in (("/app", "refused"), ("/", "refused"), (STATE, "written"), (TEMPORARY, "written")):
            found = "written" if _can_write(profile, name, path) else "refused"
            table.add(f"{name}: a file in {path}", found, wanted, ok=found == wanted)
        kind = profile.execute(name, "stat", "--file-system", "--format", "%T", TEMPORARY)
        table.add(f"{name}: {TEMPORARY} is on", kind, "disk", ok=kind != "tmpfs")
    key = profile.execute("web", "stat", "--format", "%u %a", f"{STATE}/secret-key")
    table.add("the secret key's owner and mode", key, f"{UID} 600", ok=key == f"{UID} 600")
    networks = profile.podman.inspect(profile.container("db"), "{{.HostConfig.NetworkMode}}")
    table.add("network of the database", networks, "none", ok=networks == "none")


def _can_write(profile: Profile, name: str, folder: str) -> bool:
    script = f"touch {folder}/written && rm {folder}/written"
    return profile.podman.succeeds("exec", profile.container(name), "sh", "-c", script)
