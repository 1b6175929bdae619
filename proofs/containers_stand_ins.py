"""Images of other makers, stood in for by Debian's packages of the same programs, where no registry can be reached.

A stand-in takes the variables, volumes, commands and signals of the image whose name it bears as far as
docker-compose.yml uses them. A service whose image has no stand-in is left out of the proof, which says so.
"""

from proofs.containers_podman import BASE

_INSTALL = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends"

# As in the official image: the first argument is the program, the volume's owner is set, and the cluster is made once.
_POSTGRES = f"""FROM {BASE}
RUN {_INSTALL} postgresql && rm -rf /var/lib/postgresql/* \\
 && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/
RUN printf '%s\\n' '#!/bin/sh' 'set -eu' \\
    'chown postgres:postgres /var/lib/postgresql /var/run/postgresql' \\
    'chmod 3777 /var/run/postgresql' \\
    'as="setpriv --reuid=postgres --regid=postgres --init-groups"' \\
    'data=/var/lib/postgresql/data' \\
    'if [ ! -e $data/PG_VERSION ]; then' \\
    '    locale="--encoding=UTF8 --locale=C.UTF-8"' \\
    '    $as initdb $locale --auth=$POSTGRES_HOST_AUTH_METHOD --username=$POSTGRES_USER -D $data' \\
    '    echo "CREATE DATABASE $POSTGRES_DB" | $as postgres --single -D $data postgres' \\
    'fi' \\
    'shift' \\
    'exec $as postgres -D $data -k /var/run/postgresql "$@"' >/entrypoint && chmod 755 /entrypoint
ENTRYPOINT ["/entrypoint"]
CMD ["postgres"]
STOPSIGNAL SIGINT
"""

_PROMETHEUS = f"""FROM {BASE}
RUN {_INSTALL} prometheus && install -d -o nobody -g nogroup /prometheus
USER nobody
ENTRYPOINT ["/usr/bin/prometheus"]
"""

_RABBITMQ = f"""FROM {BASE}
RUN {_INSTALL} rabbitmq-server
RUN printf '%s\\n' '#!/bin/sh' 'set -eu' \\
    'configuration=/var/lib/rabbitmq/stand-in.conf' \\
    'chown rabbitmq:rabbitmq /var/lib/rabbitmq' \\
    'echo "loopback_users = none" >$configuration' \\
    'if [ -n "${{RABBITMQ_DEFAULT_USER:-}}" ]; then' \\
    '    echo "default_user = $RABBITMQ_DEFAULT_USER" >>$configuration' \\
    '    echo "default_pass = $RABBITMQ_DEFAULT_PASS" >>$configuration' \\
    'fi' \\
    'export RABBITMQ_CONFIG_FILE=$configuration RABBITMQ_LOGS=-' \\
    'as="setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups"' \\
    'exec $as /usr/lib/rabbitmq/bin/rabbitmq-server' >/entrypoint && chmod 755 /entrypoint
ENV HOME=/var/lib/rabbitmq
VOLUME /var/lib/rabbitmq
ENTRYPOINT ["/entrypoint"]
CMD ["rabbitmq-server"]
"""

STAND_INS = {"postgres": _POSTGRES, "prom/prometheus": _PROMETHEUS, "rabbitmq": _RABBITMQ}


def stand_in(image: str) -> str | None:
    """The Dockerfile of what stands in for `image`, such as `postgres:18`; None where nothing does."""
    return STAND_INS.get(image.partition(":")[0].removeprefix("docker.io/").removeprefix("library/"))
