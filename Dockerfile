# The panel as an image: one for web, worker, beat, follower and migrate (docker-compose.yml).
# Nothing is fetched but the locked packages, each checked against its hash.

FROM python:3.13-slim-trixie AS packages
COPY requirements.lock /build/requirements.lock
RUN python -m venv --without-pip /opt/hapanel/.venv \
 && pip --python /opt/hapanel/.venv/bin/python install --no-cache-dir --no-deps \
      --only-binary=:all: --require-hashes --requirement /build/requirements.lock

FROM packages AS panel
WORKDIR /opt/hapanel
COPY manage.py pyproject.toml LICENSE ./
COPY hapanel hapanel
COPY nodes nodes
COPY vms vms
COPY templates templates
COPY static static
COPY locale locale
# The catalogues that people edit become the ones that are read; .mo files are not in the sources.
RUN find locale -name '*.po' -exec .venv/bin/python -m hapanel.bootstrap.catalogues '{}' + \
 && .venv/bin/python -m compileall -q hapanel nodes vms

FROM python:3.13-slim-trixie
RUN useradd --system --uid 10001 --home-dir /var/lib/hapanel --shell /usr/sbin/nologin hapanel \
 && install --directory --owner=hapanel --group=hapanel --mode=0750 /var/lib/hapanel
COPY --from=panel /opt/hapanel /opt/hapanel
ENV PATH=/opt/hapanel/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    DJANGO_SETTINGS_MODULE=hapanel.settings \
    HAPANEL_VAR=/var/lib/hapanel
WORKDIR /opt/hapanel
USER 10001
VOLUME /var/lib/hapanel
EXPOSE 8000
CMD ["python", "-m", "uvicorn", "hapanel.asgi:application", "--no-proxy-headers", "--no-access-log", "--timeout-graceful-shutdown", "3", "--host", "0.0.0.0", "--port", "8000"]
