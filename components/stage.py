"""What makes a function a stage: a KFP component in the project's own image.

This is the only place that names an image. Nothing is installed when a task starts: the image
holds the code, its libraries and kfp.
"""

from collections.abc import Callable
from typing import Any

from kfp import dsl

from components.revision import VERSION

IMAGE = f"kubeloop/pipeline:{VERSION}"


def stage() -> Callable[[Callable[..., Any]], Any]:
    """Returns the decorator that turns a thin adapter function into a component of this project.

    Returns:
        `kfp.dsl.component` bound to the project's image, with no packages installed at run time.
    """
    return dsl.component(base_image=IMAGE, install_kfp_package=False)  # type: ignore[no-any-return]
