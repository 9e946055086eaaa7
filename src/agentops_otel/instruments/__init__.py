"""Model calls of every client library, watched through one driver. A provider is data; see `spec` and `openai`."""
