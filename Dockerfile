# The service without its embedded database: DATABASE_URL says where PostgreSQL is.

FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /build
COPY pyproject.toml requirements.lock requirements-ocr.lock ./
# What few need besides, of "onnx ocr parquet": steps of docs/model.md, files of docs/results.md. For example
# --build-arg EXTRAS="onnx parquet".
ARG EXTRAS=""
# The runtime dependencies of pyproject.toml with the extras that a container may be configured to use, in the locks'
# versions; a package without a hash in the locks is refused.
RUN uv venv --python /usr/local/bin/python /opt/venv \
 && uv pip install --no-cache --compile-bytecode --python /opt/venv/bin/python \
    --require-hashes --requirement pyproject.toml --extra celery --extra sentry --extra s3 \
    $(for extra in $EXTRAS; do echo "--extra $extra"; done) \
    --constraints requirements.lock --constraints requirements-ocr.lock

FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RETAIL_PULSE_HOME=/var/lib/retail-pulse
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
# pyproject.toml holds the version number.
COPY manage.py pyproject.toml ./
COPY fixtures/stores.csv fixtures/
COPY retail_pulse retail_pulse
COPY tables tables
COPY access access
COPY stores stores
COPY jobs jobs
COPY photos photos
COPY insights insights
COPY webhooks webhooks
COPY api api
COPY dashboard dashboard
COPY demo demo
COPY client/retail_pulse_client client/retail_pulse_client
# The code belongs to root; the service may only write to its state directory, also where that is a new volume.
RUN python -m compileall -q . \
 && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin retail-pulse \
 && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/retail-pulse
USER 10001:10001
EXPOSE 8000
# Answers 200 where the process and its database work.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["python", "-c", "\
import http.client; \
connection = http.client.HTTPConnection('127.0.0.1', 8000, timeout=2); \
connection.request('GET', '/readyz'); \
raise SystemExit(connection.getresponse().status != 200)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0"]
