"""MLServer's own scikit-learn runtime, loading a skops file instead of a pickle.

Runs in MLServer's environment, which has none of this project's code.
"""

import warnings

from mlserver_sklearn import SKLearnModel
from skops import io


class SkopsModel(SKLearnModel):
    """Differs in loading alone."""

    async def load(self) -> bool:
        warnings.filterwarnings("ignore", message="X has feature names")
        file = self.settings.parameters.uri
        self._model = io.load(file, trusted=self.settings.parameters.extra["trusted"])
        return True
