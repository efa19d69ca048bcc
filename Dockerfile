# Releases pass both images by digest: --build-arg PYTHON_IMAGE=docker.io/library/python@sha256:...
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-bookworm
ARG UV_IMAGE=ghcr.io/astral-sh/uv:0.13

FROM ${UV_IMAGE} AS uv

FROM ${PYTHON_IMAGE} AS build
COPY --from=uv /uv /usr/local/bin/uv
# Bytecode by content and no installer's notes: no time of day reaches the image, so the same tree
# gives the same digest. Bytecode by time would moreover be stale, and compiled anew at every start,
# where a build sets all times to one.
ENV UV_COMPILE_BYTECODE=1 PYC_INVALIDATION_MODE=UNCHECKED_HASH UV_NO_INSTALLER_METADATA=1 \
    UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/glovebox
# Behind a proxy with an authority of its own; nothing of it reaches the image.
ARG SSL_CERT_FILE
WORKDIR /src
# What others wrote changes rarely: its layer is kept while our own code changes.
COPY pyproject.toml uv.lock ./
# --frozen, because the lock also knows the local cluster, which is no part of the product and not
# here.
RUN uv sync --frozen --package glovebox --extra tables --extra traces --no-default-groups \
    --no-install-workspace
COPY README.md LICENSE ./
COPY operator ./operator
RUN uv sync --frozen --package glovebox --extra tables --extra traces --no-default-groups \
    --no-editable

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="glovebox" \
      org.opencontainers.image.description="A sealed namespace for every experiment." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/glovebox /opt/glovebox
# PYTHONSAFEPATH: nothing in the working directory can take the place of a library.
# MALLOC_ARENA_MAX: an arena for each thread that reads from a store would stay half empty.
ENV PATH=/opt/glovebox/bin:$PATH PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2
# A number, so that the node can see that it is not root.
USER 65532:65532
WORKDIR /
EXPOSE 8080
ENTRYPOINT ["python", "-m", "glovebox"]
