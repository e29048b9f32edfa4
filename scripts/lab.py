"""What `make lab` adds to JupyterLab: notebooks open as what they are, unchanged."""

import platform
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager


class Contents(AsyncLargeFileManager):
    """Hands notebooks out with the version of the Python that will run them.

    JupyterLab writes that version into a notebook as it opens, and calls it unsaved where another
    one stood there: the version of whoever built or saved it.
    """

    async def get(self, path: str, content: bool = True, *rest: Any, **more: Any) -> dict:
        """Return a file or folder, as every contents manager does."""
        model = await super().get(path, content, *rest, **more)
        if content and model["type"] == "notebook":
            info = model["content"]["metadata"].get("language_info", {})
            if info.get("name") == "python":
                info["version"] = platform.python_version()
        return model
