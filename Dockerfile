# The gateway as an image; compose.yaml builds and runs it. By hand:
#   docker build --tag juntek:local .
#   docker run --rm juntek:local --help

FROM python:3.13.14-slim-bookworm AS build
# The page is built by PyPI's Node, which there is for 64-bit computers. On others: --build-arg JUNTEK_SKIP_PAGE=1
ARG JUNTEK_SKIP_PAGE=
WORKDIR /source
COPY . .
# pip stays out of the image: nothing is installed in it later, and it takes 15 MB.
RUN python -m venv /pip && python -m venv --without-pip /opt/juntek \
    && /pip/bin/pip --python /opt/juntek/bin/python install \
       --no-cache-dir --disable-pip-version-check --constraint constraints.txt '.[all]' \
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
    MALLOC_MMAP_THRESHOLD_=1048576 \
    MALLOC_ARENA_MAX=1 \
    RUNTIME_DIRECTORY=/dev/shm \
    STATE_DIRECTORY=/var/lib/juntek
USER 8140
WORKDIR /var/lib/juntek
VOLUME /var/lib/juntek
EXPOSE 8140
# The gateway writes this file every 5 s as long as it does its work, into memory; its words say how it does.
HEALTHCHECK --interval=15s --timeout=5s --start-period=5m \
    CMD ["python", "-c", "import os, time; assert time.time() - os.path.getmtime('/dev/shm/juntek.status') < 60"]
ENTRYPOINT ["juntek"]
CMD ["run"]
