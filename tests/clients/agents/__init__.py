"""Coding agents: their command lines from npm against servers of ours, in a network namespace
without a way out. `make clients` runs them; clients/agents/package-lock.json pins the packages.
"""
