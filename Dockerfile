# The environment of requirements.lock, for the CPU and for CUDA; the project is mounted at /project (docs/editors.md).
ARG PYTHON=3.12
FROM python:${PYTHON}-slim

# No versions: Debian keeps no older ones to pin, and nothing that is hashed depends on git or make.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git make openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 # The mounted project may belong to another user than the container's.
 && git config --system --add safe.directory /project \
 && useradd --create-home --uid 1000 reprise \
 && install --directory --owner reprise /project /opt/reprise

USER 1000
WORKDIR /project
# What `make env` reads. The environment stands outside /project, which the mounted project covers.
COPY --chown=reprise Makefile pyproject.toml requirements.lock README.md LICENSE ./
COPY --chown=reprise tools tools
COPY --chown=reprise stages stages
COPY --chown=reprise reprise reprise
COPY --chown=reprise .dvc/config .dvc/config
ENV VENV=/opt/reprise/venv
RUN make env

ENV PATH=/opt/reprise/venv/bin:$PATH \
    DVC_NO_ANALYTICS=1 \
    # What the driver is asked for with `docker run --gpus all`; CUDA's libraries come with the lock's torch.
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
CMD ["make", "repro"]
