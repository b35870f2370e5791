"""Around every request: API keys, rate limits, proxy, hosts, CORS, errors, log, health, metrics."""
