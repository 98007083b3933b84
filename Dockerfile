# Two images: `production` (the default) carries the installed package and nothing else, `front` is nginx with the
# settings for it. `build` makes the virtual environment, `development` serves the mounted checkout and reloads.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
RUN python -m venv /opt/mnistweb
ENV PATH=/opt/mnistweb/bin:$PATH
# The dependencies change less often than the code, so they get a layer of their own.
COPY deploy/requirements.lock deploy/requirements.lock
RUN pip install --require-hashes -r deploy/requirements.lock
COPY pyproject.toml setup.cfg README.md LICENSE ./
COPY mnistweb mnistweb
COPY templates templates
COPY static static
COPY instance instance
COPY docs/maths docs/maths
RUN pip install --no-deps .

FROM build AS development
RUN pip uninstall --yes mnistweb && pip install --no-deps --editable .
EXPOSE 8000
CMD ["mnistweb", "serve", "--host", "0.0.0.0", "--reload"]

FROM nginx:1.28.0-alpine AS front
COPY deploy/nginx.conf /etc/nginx/nginx.conf
USER 101
EXPOSE 8080

FROM python:3.11.14-slim-bookworm AS production
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin mnistweb \
    && install --directory --owner mnistweb /var/lib/mnistweb
COPY --from=build /opt/mnistweb /opt/mnistweb
ENV PATH=/opt/mnistweb/bin:$PATH \
    MNISTWEB_INSTANCE=/var/lib/mnistweb \
    PYTHONUNBUFFERED=1
WORKDIR /var/lib/mnistweb
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["mnistweb", "serve", "--host", "0.0.0.0"]
