"""The URLs that our own application answers."""

import re

# KServe's routes end with "$", before which Python allows a line end.
INFER = re.compile(
    r"/v1/models/(?P<v1>[^/]+):predict\n?"
    r"|/v2/models/(?P<v2>[^/]+)(?:/versions/(?P<version>[^/]+))?/infer\n?"
)
PLAIN_URL = re.compile(rb"/[-A-Za-z0-9/:._~]*")
EXPLAIN = re.compile(r"/v1/models/[^/]+:explain\n?")
MANAGE = re.compile(
    r"/v2/repository/(?:models/(?P<name>[^/]+)/(?P<verb>load|unload)|(?:models/)?index)\n?"
)
