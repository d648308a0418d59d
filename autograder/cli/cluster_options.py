"""Options of the commands that talk to a cluster."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def cluster_options(function: F) -> F:
    """Adds --tls-ca, --tls-cert, --tls-key and --plain-network, and calls the function with `tls` and `plain`."""

    @functools.wraps(function)
    def call(*args: Any, tls_ca: str | None, tls_cert: str | None, tls_key: str | None, **kwargs: Any) -> Any:
        from autograder.batch.network import Tls

        return function(*args, tls=Tls(tls_ca, tls_cert, tls_key), **kwargs)

    for option in reversed(
        [
            click.option("--tls-ca", metavar="FILE", envvar="AUTOGRADER_TLS_CA", help="Certificate of the cluster's authority."),
            click.option("--tls-cert", metavar="FILE", envvar="AUTOGRADER_TLS_CERT", help="This machine's certificate."),
            click.option("--tls-key", metavar="FILE", envvar="AUTOGRADER_TLS_KEY", help="This machine's private key."),
            click.option("--plain-network", "plain", is_flag=True, help="Work without TLS on a network that nobody else can reach."),
        ]
    ):
        call = option(call)
    return call  # type: ignore[return-value]  # click adds options, the call stays the function's


def require_dask() -> None:
    """Raises UsageError when the package is installed without it."""
    from importlib.util import find_spec

    from autograder.errors import UsageError, installation_of

    if find_spec("distributed") is None:
        raise UsageError("Dask is not installed.", f"Install it on every machine: {installation_of('dask')}.")
