# SPDX-License-Identifier: Apache-2.0
# Runs in the services' virtualenv.
# mypy: ignore-errors
"""Serve one WSGI application: `serve.py PORT MODULE [the application's own arguments]`.

The port opens once the application is loaded, so an open port means a service that answers.
"""

import importlib
import sys

import waitress

port, module, *rest = sys.argv[1:]
sys.argv = [module, *rest]
waitress.serve(
    importlib.import_module(module).application,
    host="127.0.0.1",
    port=int(port),
    threads=6,
    ident=None,
)
