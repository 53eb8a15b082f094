# syntax=docker/dockerfile:1
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/bridge
WORKDIR /src
COPY requirements.lock ./
RUN /opt/bridge/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bridge ./bridge
RUN /opt/bridge/bin/pip install --no-deps . && /opt/bridge/bin/python -m compileall -q /opt/bridge/lib

FROM python:3.13-slim
# The group has the number that the user has: Kubernetes names both (deploy/kubernetes).
RUN groupadd --gid 10001 bridge \
    && useradd --uid 10001 --gid bridge --no-create-home --no-log-init --shell /usr/sbin/nologin bridge \
    && install --directory --owner=bridge --group=bridge --mode=0700 /var/lib/bridge
COPY --from=build /opt/bridge /opt/bridge
# Listening on all addresses: the container's network decides who reaches it.
ENV PATH=/opt/bridge/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BRIDGE_HOST=0.0.0.0 \
    BRIDGE_DATA_DIR=/var/lib/bridge
USER bridge
WORKDIR /var/lib/bridge
VOLUME /var/lib/bridge
EXPOSE 8000
STOPSIGNAL SIGTERM
# For web and up; a worker serves nothing, switch it off there (see deploy/compose.yaml).
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ.get(\"BRIDGE_PORT\", 8000)}/livez', timeout=2)"]
ENTRYPOINT ["bridge"]
CMD ["up"]
