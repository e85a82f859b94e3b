"""The serving benchmark's parts: models, requests, servers, load and tables."""
