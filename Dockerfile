# The gateway as an image; compose.yaml builds and runs it. By hand:
#   docker build --tag juntek:local .
#   docker run --rm juntek:local --help

FROM python:3.13.14-slim-bookworm AS build
# The page is built by PyPI's Node, which there is for 64-bit computers. On others: --build-arg JUNTEK_SKIP_PAGE=1
ARG JUNTEK_SKIP_PAGE=
WORKDIR /source
COPY . .
RUN python -m venv /opt/juntek \
    && /opt/juntek/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt '.[all]' \
    && if [ -z "$JUNTEK_SKIP_PAGE" ] && ! ls /opt/juntek/lib/python3*/site-packages/juntek/outputs/web/static/index.html; \
       then echo "The page was not built; look at the network, or build with --build-arg JUNTEK_SKIP_PAGE=1." >&2; exit 1; fi

FROM python:3.13.14-slim-bookworm
# A user that is nobody else's, in the group of serial ports; what it keeps is in /var/lib/juntek.
RUN useradd --system --uid 8140 --user-group --groups dialout --home-dir /var/lib/juntek --shell /usr/sbin/nologin juntek \
    && install --directory --owner=juntek --group=juntek --mode=0700 /var/lib/juntek
COPY --from=build /opt/juntek /opt/juntek
ENV PATH=/opt/juntek/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STATE_DIRECTORY=/var/lib/juntek
USER 8140
WORKDIR /var/lib/juntek
VOLUME /var/lib/juntek
EXPOSE 8140
# The page of metrics answers as long as the gateway does its work; [metrics] has to be in its configuration.
HEALTHCHECK --interval=15s --timeout=5s --start-period=5m \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9485/metrics', timeout=4)"]
ENTRYPOINT ["juntek"]
CMD ["run"]
