"""Who may ask, from where and how often: keys, routes, rates, proxies, web origins.

Knows nothing about prompts, fields or answers.
"""
