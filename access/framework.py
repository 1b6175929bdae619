"""Loads Django REST framework without the libraries that it imports on the chance that a project uses them.

`rest_framework.compat` tries to import each of OPTIONAL, and they are installed for other reasons. Together they
take as long as the rest of the framework.
"""

import sys

# For its test client, its own OpenAPI document, and highlighted code in its browsable pages: nothing of it is used.
OPTIONAL = ("requests", "uritemplate", "yaml", "pygments")


def load_framework() -> None:
    """To be called before anything imports the framework, and while the process has one thread."""
    hidden = dict.fromkeys(name for name in OPTIONAL if name not in sys.modules)
    # None is what makes an import statement say that there is no such module.
    sys.modules.update(hidden)  # type: ignore[arg-type]
    try:
        import rest_framework.compat  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]
